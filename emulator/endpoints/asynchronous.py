"""InvokeEndpointAsync: the request is an object in S3, and so is the answer; topics tell when it is there."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.asgi import Headers
from emulator.clients import Clients
from emulator.context import Context
from emulator.endpoints.backlog import Backlog
from emulator.endpoints.connection import Reply
from emulator.endpoints.dispatch import CUSTOM_ATTRIBUTES, INFERENCE_ID, Call, Dispatcher
from emulator.endpoints.fleet import KIND, Fleet
from emulator.errors import ApiError
from emulator.loop import EventLoop
from emulator.operations import Answer, Request, operation
from emulator.s3 import ObjectError, Objects, join

_TTL_SECONDS, _TIMEOUT_SECONDS = 21_600, 900
_CONCURRENT = 4
_TO_CONTAINER = {"ContentType": b"content-type", "Accept": b"accept", "CustomAttributes": CUSTOM_ATTRIBUTES, "InferenceId": INFERENCE_ID}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Invocation:
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


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_endpoint_async(request: Request, context: Context) -> Answer:
    """Queue a request that lies in S3; its answer is written to S3, and a topic is told. What waits is lost with the process."""
    invocation = _invocation(request, context)
    context.part(EventLoop).soon(context.part(AsynchronousInvocations).start, invocation)
    locations = {"OutputLocation": invocation.output_location, "FailureLocation": invocation.failure_location}
    return {"InferenceId": invocation.inference_id, **locations}


def _invocation(request: Request, context: Context) -> Invocation:
    endpoint = request["EndpointName"]
    record = context.store.get(KIND, endpoint)
    if record is None or record["EndpointStatus"] not in ("InService", "Updating"):
        raise ApiError("ValidationError", f"Endpoint {endpoint} of account {context.account} not found.")
    config = record.get("AsyncInferenceConfig")
    if config is None:
        raise ApiError("ValidationError", f"Endpoint {endpoint} has no AsyncInferenceConfig: use InvokeEndpoint.")
    output, name = config["OutputConfig"], str(uuid.uuid4())
    place = output.get("S3OutputPath") or f"s3://sagemaker-{context.region}-{context.account}/async"
    return Invocation(
        endpoint=endpoint,
        region=context.region,
        inference_id=request.get("InferenceId", str(uuid.uuid4())),
        input_location=request["InputLocation"],
        output_location=join(place, f"{name}.out"),
        failure_location=join(output.get("S3FailurePath") or place, f"{name}-error.out"),
        headers=[(header, request[field].encode()) for field, header in _TO_CONTAINER.items() if field in request],
        received=time.time(),
        ttl_seconds=request.get("RequestTTLSeconds", _TTL_SECONDS),
        timeout_seconds=request.get("InvocationTimeoutSeconds", _TIMEOUT_SECONDS),
        topics=output.get("NotificationConfig", {}),
        concurrent=config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", _CONCURRENT),
    )


class AsynchronousInvocations:
    """The asynchronous invocations of one emulator, on the event loop."""

    def __init__(self, context: Context) -> None:
        self._context, self._dispatcher = context, context.part(Dispatcher)
        self._fleet = context.part(Fleet)
        self._backlogs: dict[str, Backlog] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, invocation: Invocation) -> None:
        """Run an invocation when it is its turn."""
        task = asyncio.get_running_loop().create_task(self._work(invocation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def waiting(self, endpoint: str) -> int:
        """How many invocations of an endpoint are under way or wait for an instance."""
        backlog = self._backlogs.get(endpoint)
        return backlog.size if backlog is not None else 0

    def _places(self, request: Invocation) -> int:
        """How many invocations the endpoint takes now; one that is gone takes them, and refuses each."""
        routes = self._fleet.routes(request.endpoint)
        return 1 if routes is None else request.concurrent * sum(len(variant.hosts) for variant in routes.running)

    async def _work(self, request: Invocation) -> None:
        loop = asyncio.get_running_loop()
        backlog = self._backlogs.setdefault(request.endpoint, Backlog())
        async with backlog.turn(lambda: self._places(request)):
            try:
                if time.time() - request.received > request.ttl_seconds:
                    raise ApiError("RequestExpired", f"The request waited longer than its {request.ttl_seconds:g} s.")
                body = await loop.run_in_executor(None, self._context.part(Objects).get, request.input_location)
                call = Call(request.endpoint, request.headers, body, request.timeout_seconds)
                _, reply = await self._dispatcher.call(call)
                await loop.run_in_executor(None, self._succeed, request, reply)
            except (ApiError, ObjectError) as error:
                await loop.run_in_executor(None, self._fail, request, error)

    def _succeed(self, request: Invocation, reply: Reply) -> None:
        self._context.part(Objects).put(request.output_location, reply.body)
        content_type = reply.headers.get(b"content-type", b"").decode("latin1")
        response = {"responseParameters": {"contentType": content_type, "outputLocation": request.output_location}}
        self._tell(request.topics.get("SuccessTopic"), request.notice("Completed", response))

    def _fail(self, request: Invocation, error: ApiError | ObjectError) -> None:
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
