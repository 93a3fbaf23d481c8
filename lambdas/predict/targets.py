"""Who can be asked, and what an answer or its absence means: a SageMaker endpoint, or the service on EKS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from lambdas.predict.shape import Shape
from lambdas.shared.errors import ApiError
from lambdas.shared.http import JSON, Answer, Call
from pipelines.direct import Endpoint, Refusal, refusal_of
from pipelines.signed import Connection, Reply, SignedError

Fault = Literal["throttled", "timeout", "unavailable", "absent", "failed", "open"]

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_PASSED = {"content-type": "Content-Type", "accept": "Accept", ATTRIBUTES: "X-Amzn-SageMaker-Custom-Attributes"}
_MAX_HEADER_CHARACTERS = 1024
_THROTTLED = {"ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException"}
_UNAVAILABLE = {"ServiceUnavailable", "ServiceUnavailableException", "ModelNotReadyException", "InternalDependencyException"}


class TargetError(Exception):
    """A target did not answer the request; another may.

    Attributes
    ----------
    fault : what kind of failure.
    reason : one line for the log.
    retry_after_seconds : when asking again makes sense.
    answer : the model's own account of a failure of its own, or None.
    """

    def __init__(self, fault: Fault, reason: str, retry_after_seconds: int = 1, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.fault, self.reason, self.retry_after_seconds, self.answer = fault, reason, retry_after_seconds, answer


@dataclass(frozen=True)
class Outcome:
    """An answer, or None when the target cannot answer this request and that is no failure; `stale` when it came from a cache that could
    not be renewed; `note` for the log."""

    answer: Answer | None
    stale: bool = False
    note: str = ""


class Target(Protocol):
    """Whoever may answer a request."""

    def ask(self, call: Call, shape: Shape, seconds: float) -> Outcome:
        """The answer within `seconds`; TargetError for a failure that is not the request's own."""


class SageMakerEndpoint:
    """A real-time or serverless endpoint."""

    def __init__(self, name: str, region: str) -> None:
        self._endpoint = Endpoint(name, region)

    def ask(self, call: Call, shape: Shape, seconds: float) -> Outcome:  # noqa: ARG002 a target's signature
        """InvokeEndpoint; what the model refuses (4xx) is an answer."""
        headers = {**passed(call), "X-Amzn-SageMaker-Inference-Id": call.request_id[:64]}
        reply = _answered(lambda: self._endpoint.invoke(call.body, headers, seconds))
        if reply.status == 200:
            return Outcome(Answer(200, reply.body, {"content-type": reply.headers.get("content-type", JSON)}))
        return Outcome(_judged(refusal_of(reply), self._endpoint.name))


class EksService:
    """The service on EKS: the same container behind a load balancer."""

    def __init__(self, url: str) -> None:
        self._connection = Connection(url)

    def ask(self, call: Call, shape: Shape, seconds: float) -> Outcome:  # noqa: ARG002 a target's signature
        """POST /v1/forecast; what the model refuses (4xx) is an answer."""
        headers = {**passed(call), "X-Request-Id": call.request_id}
        reply = _answered(lambda: self._connection.send("POST", "/v1/forecast", headers, call.body, seconds))
        answer = Answer(reply.status, reply.body, {"content-type": reply.headers.get("content-type", JSON)})
        if reply.status == 429:
            raise TargetError("throttled", "the service throttles")
        if reply.status == 200 or (400 <= reply.status < 500 and reply.status not in (404, 405) and _is_contract(answer)):
            return Outcome(answer)
        fault: Fault = "unavailable" if reply.status in (502, 503, 504) else "failed"
        raise TargetError(fault, f"HTTP {reply.status} from the service", 1, answer if _is_contract(answer) else None)


def passed(call: Call) -> dict[str, str]:
    """The headers that go on to the model; ApiError 400 for one that no request may carry."""
    headers = {"Content-Type": JSON}
    for name, proper in _PASSED.items():
        value = call.headers.get(name)
        if not value:
            continue
        if len(value) > _MAX_HEADER_CHARACTERS or not (value.isascii() and value.isprintable()):
            raise ApiError(400, "malformed_header", f"{name}: send at most {_MAX_HEADER_CHARACTERS} printable ASCII characters")
        headers[proper] = value
    return headers


def _answered(send: Callable[[], Reply]) -> Reply:
    try:
        return send()
    except SignedError as error:
        raise TargetError("timeout" if error.timed_out else "unavailable", str(error)) from error


def _judged(refusal: Refusal, endpoint: str) -> Answer:
    """The answer in a refusal that is the request's own fault; TargetError for any other."""
    code, text = refusal.code, f"{refusal.code}: {refusal.message}"[:300]
    if code == "ModelError":
        answer = Answer(refusal.status, refusal.body)
        if 400 <= refusal.status < 500:
            return answer if _is_contract(answer) else Answer(refusal.status, ApiError(refusal.status, "model_error", text).body)
        fault: Fault = "unavailable" if refusal.status == 503 else "failed"
        raise TargetError(fault, f"the model answered {refusal.status}", 1, answer if _is_contract(answer) else None)
    if code in _THROTTLED or refusal.status == 429:
        raise TargetError("throttled", text)
    if code in {"ValidationError", "ValidationException"}:
        if "ndpoint" in refusal.message:
            raise TargetError("absent", f"endpoint {endpoint} does not exist or is not in service: {text}", 30)
        return Answer(400, ApiError(400, "invalid_request", refusal.message).body)
    if refusal.status == 413:
        return Answer(413, ApiError(413, "too_large", refusal.message).body)
    if code in _UNAVAILABLE or refusal.status == 503:
        raise TargetError("unavailable", text, 5)
    raise TargetError("failed", text)


def _is_contract(answer: Answer) -> bool:
    return answer.body.startswith(b'{"error"')
