"""Ask the endpoint itself, signed and over one kept connection: the shortest way to a forecast, with no function in between.

    from pipelines.direct import Endpoint

    endpoint = Endpoint("housing-forecast")
    endpoint.forecast({"inputs": [{"item_id": "Austin"}]})

The caller needs `sagemaker:InvokeEndpoint` on the endpoint. What the function adds (the table of forecasts, other endpoints when one
fails, asynchronous jobs) is not there: one endpoint answers, or it is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipelines.errors import DeploymentError, PredictionError
from pipelines.signed import SAGEMAKER_RUNTIME, Reply, SignedConnection, SignedError, region

JSON = "application/json"
TIMEOUT_SECONDS = 60.0
"""After which SageMaker itself gives up."""


@dataclass(frozen=True)
class Refusal:
    """What the service said instead of the model: its code, its message, and of a ModelError what the model answered.

    `status` and `body` are the model's own where `code` is ModelError, else the service's.
    """

    code: str
    message: str
    status: int
    body: bytes


class Endpoint:
    """One SageMaker endpoint. Credentials and region are the caller's unless given; several threads may share it."""

    def __init__(self, name: str, region_name: str | None = None, find_credentials: Callable[[], Any] | None = None) -> None:
        self.name = name
        self._connection = SignedConnection(SAGEMAKER_RUNTIME, region_name or region(), find_credentials)
        self._path = f"/endpoints/{quote(name, safe='')}/invocations"

    def forecast(self, request: Mapping[str, Any], timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        """The answer to a request of the contract.

        Errors: PredictionError with the field that the model refused, DeploymentError when the endpoint did not answer.
        """
        try:
            reply = self.invoke(json.dumps(request).encode(), timeout_seconds=timeout_seconds)
        except SignedError as error:
            raise DeploymentError(f"endpoint {self.name}: {error}") from error
        if reply.status != 200:
            refusal = refusal_of(reply)
            if refusal.code == "ModelError" and refusal.status < 500:
                fault = json.loads(refusal.body)["error"]
                raise PredictionError(f"{fault['field']}: {fault['message']}" if fault["field"] else fault["message"])
            raise DeploymentError(f"endpoint {self.name}: {refusal.code}: {refusal.message}")
        body: dict[str, Any] = json.loads(reply.body)
        return body

    def invoke(self, body: bytes, headers: Mapping[str, str] | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> Reply:
        """InvokeEndpoint: a body in any media type of the contract, and what came back, whatever its status.

        Errors: SignedError when nothing came back in time.
        """
        return self._connection.send("POST", self._path, {"Content-Type": JSON, **(headers or {})}, body, timeout_seconds)


def refusal_of(reply: Reply) -> Refusal:
    """What an answer with a status other than 200 says."""
    try:
        content: Any = json.loads(reply.body)
    except ValueError:
        content = {}
    if not isinstance(content, dict):
        content = {}
    named = reply.headers.get("x-amzn-errortype") or content.get("__type") or content.get("code") or ""
    code = str(named).partition(":")[0].rpartition("#")[2]
    message = str(content.get("message") or content.get("Message") or f"HTTP {reply.status}")
    if code != "ModelError":
        return Refusal(code, message, reply.status, reply.body)
    return Refusal(code, message, int(content.get("OriginalStatusCode") or 502), str(content.get("OriginalMessage") or "").encode())
