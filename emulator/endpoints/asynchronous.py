"""InvokeEndpointAsync: the request is an object in S3, and so is the answer; topics tell when it is there."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from emulator.asgi import Application, Headers, Receive, Scope, Send, encoded, read_body, respond
from emulator.clients import Clients
from emulator.context import Context
from emulator.endpoints.connection import Reply
from emulator.endpoints.dispatch import CUSTOM_ATTRIBUTES, INFERENCE_ID, Call, Dispatcher
from emulator.endpoints.fleet import KIND
from emulator.errors import ApiError
from emulator.protocol.encode import encode_error
from emulator.s3 import ObjectError, Objects, join

_PATH = re.compile(r"/endpoints/([^/]+)/async-invocations")
_PREFIX = "x-amzn-sagemaker-"
_TTL_SECONDS, _TIMEOUT_SECONDS = 21_600, 900
_CONCURRENT = 4
_TO_CONTAINER = frozenset({b"content-type", b"accept", CUSTOM_ATTRIBUTES, INFERENCE_ID})
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One asynchronous invocation."""

    endpoint: str
    region: str
    inference_id: str
    input_location: str
    output_location: str
    failure_location: str
    headers: Headers
    received: float
    ttl_seconds: float
    timeout_seconds: float
    topics: Mapping[str, str]
    concurrent: int

    def notice(self, status: str, response: dict[str, Any]) -> str:
        """What a topic is told."""
        given = {name.decode(): value.decode("latin1") for name, value in self.headers}
        parameters = {"endpointName": self.endpoint, "inputLocation": self.input_location}
        if "accept" in given:
            parameters["accept"] = given["accept"]
        if CUSTOM_ATTRIBUTES.decode() in given:
            parameters["customAttributes"] = given[CUSTOM_ATTRIBUTES.decode()]
        return json.dumps(
            {
                "awsRegion": self.region,
                "eventTime": _iso(time.time()),
                "receivedTime": _iso(self.received),
                "invocationStatus": status,
                "requestParameters": parameters,
                **response,
                "inferenceId": self.inference_id,
                "eventVersion": "1.0",
                "eventSource": "aws:sagemaker",
                "eventName": "InferenceResult",
            }
        )


class AsynchronousInvocations:
    """InvokeEndpointAsync as an ASGI application, and the work behind it, on the event loop. What waits is lost with the process."""

    def __init__(self, context: Context) -> None:
        self._context, self._dispatcher = context, context.part(Dispatcher)
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def application(self, method: str, path: str) -> Application | None:
        """What answers this path of the runtime; None when it is not an asynchronous invocation."""
        return self._answer if method == "POST" and _PATH.fullmatch(path) else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        try:
            request = await asyncio.get_running_loop().run_in_executor(None, self._request, scope)
        except ApiError as error:
            response = encode_error(error, "rest-json")
            await respond(send, response.status, encoded(response.headers), response.body)
            return
        task = asyncio.get_running_loop().create_task(self._work(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        locations = {"OutputLocation": request.output_location, "FailureLocation": request.failure_location}
        headers = {f"X-Amzn-SageMaker-{name}": value for name, value in locations.items()} | {"Content-Type": "application/json"}
        await respond(send, 202, encoded(headers), json.dumps({"InferenceId": request.inference_id}).encode())

    def _request(self, scope: Scope) -> Request:
        endpoint = unquote(scope["path"].split("/")[2])
        record = self._context.store.get(KIND, endpoint)
        if record is None or record["EndpointStatus"] not in ("InService", "Updating"):
            raise ApiError("ValidationError", f"Endpoint {endpoint} of account {self._context.account} not found.")
        config = record.get("AsyncInferenceConfig")
        if config is None:
            raise ApiError("ValidationError", f"Endpoint {endpoint} has no AsyncInferenceConfig: use InvokeEndpoint.")
        given = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        if f"{_PREFIX}inputlocation" not in given:
            raise ApiError("ValidationError", "InputLocation is required.")
        output, name = config["OutputConfig"], str(uuid.uuid4())
        place = output.get("S3OutputPath") or f"s3://sagemaker-{self._context.region}-{self._context.account}/async"
        return Request(
            endpoint=endpoint,
            region=self._context.region,
            inference_id=given.get(f"{_PREFIX}inference-id", str(uuid.uuid4())),
            input_location=given[f"{_PREFIX}inputlocation"],
            output_location=join(place, f"{name}.out"),
            failure_location=join(output.get("S3FailurePath") or place, f"{name}-error.out"),
            headers=[header for header in scope["headers"] if header[0] in _TO_CONTAINER],
            received=time.time(),
            ttl_seconds=float(given.get(f"{_PREFIX}requestttlseconds", _TTL_SECONDS)),
            timeout_seconds=float(given.get(f"{_PREFIX}invocationtimeoutseconds", _TIMEOUT_SECONDS)),
            topics=output.get("NotificationConfig", {}),
            concurrent=config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", _CONCURRENT),
        )

    async def _work(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        async with self._turns.setdefault(request.endpoint, asyncio.Semaphore(request.concurrent)):
            try:
                if time.time() - request.received > request.ttl_seconds:
                    raise ApiError("RequestExpired", f"The request waited longer than its {request.ttl_seconds:g} s.")
                body = await loop.run_in_executor(None, self._context.part(Objects).get, request.input_location)
                call = Call(request.endpoint, request.headers, body, request.timeout_seconds)
                _, reply = await self._dispatcher.call(call)
                await loop.run_in_executor(None, self._succeed, request, reply)
            except (ApiError, ObjectError) as error:
                await loop.run_in_executor(None, self._fail, request, error)

    def _succeed(self, request: Request, reply: Reply) -> None:
        self._context.part(Objects).put(request.output_location, reply.body)
        content_type = reply.headers.get(b"content-type", b"").decode("latin1")
        response = {"responseParameters": {"contentType": content_type, "outputLocation": request.output_location}}
        self._tell(request.topics.get("SuccessTopic"), request.notice("Completed", response))

    def _fail(self, request: Request, error: ApiError | ObjectError) -> None:
        reason = error.message if isinstance(error, ApiError) else str(error)
        try:
            self._context.part(Objects).put(request.failure_location, reason.encode())
        except ObjectError as lost:
            _LOG.warning("endpoint %s: %s", request.endpoint, lost)
        response = {"failureReason": reason, "responseParameters": {"outputLocation": request.failure_location}}
        self._tell(request.topics.get("ErrorTopic"), request.notice("Failed", response))

    def _tell(self, topic: str | None, notice: str) -> None:
        if topic is None:
            return
        try:
            self._context.part(Clients).get("sns").publish(TopicArn=topic, Message=notice)
        except (ClientError, BotoCoreError) as error:
            _LOG.warning("topic %s: %s", topic, error)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
