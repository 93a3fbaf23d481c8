"""Lambda's Invoke: the event goes to a worker and its result comes back, on the event loop."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, unquote

from emulator.asgi import Application, Receive, Scope, Send, encoded, read_body, respond
from emulator.context import Context
from emulator.errors import ApiError
from emulator.faults import Faults
from emulator.functions.asynchronous import Fate, Settlement, settings_of
from emulator.functions.reference import function_of
from emulator.functions.runtime_api import Event
from emulator.functions.worker import Outcome
from emulator.functions.workers import Workers
from emulator.loop import EventLoop
from emulator.operations import Answer, Request, operation
from emulator.protocol.encode import encode_error

MAX_SYNCHRONOUS_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_LOG = logging.getLogger(__name__)


@operation("lambda", "Invoke")
def invoke(request: Request, context: Context) -> Answer:
    """Run a function: RequestResponse waits for its result, Event is queued and tried three times."""
    invoker, function = context.part(Invoker), function_of(context, request["FunctionName"], request.get("Qualifier"))
    if request.get("InvocationType") == "Event":
        invoker.send(function["FunctionArn"], request.get("Payload", b"{}"))
        return {"StatusCode": 202}
    outcome = context.part(EventLoop).wait(invoker.call(function, request.get("Payload", b"{}"), request.get("ClientContext")))
    failed = {"FunctionError": "Unhandled"} if outcome.failed else {}
    return {"StatusCode": 200, "Payload": outcome.payload, "ExecutedVersion": function["Version"], **failed}


class Invoker:
    """Invoke as an ASGI application, and for the rest of the emulator; `context.part(Invoker)` is the one to use."""

    def __init__(self, context: Context) -> None:
        self._context, self._workers, self._faults = context, context.part(Workers), context.part(Faults)
        self._tasks: set[asyncio.Task[None]] = set()

    def application(self, method: str, path: str) -> Application | None:
        """What answers this path of the service; None when it is not an invocation."""
        return self._answer if method == "POST" and _PATH.fullmatch(path) else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        limit = MAX_EVENT_BYTES if kind == "Event" else MAX_SYNCHRONOUS_BYTES
        body = await read_body(receive, limit)
        try:
            self._faults.check_operation("lambda", "Invoke")
            if body is None:
                message = f"The payload is too large for the {kind} invocation type (limit {limit} bytes)"
                raise ApiError("RequestTooLargeException", message, 413, {"Type": "User"})
            found = _PATH.fullmatch(scope["path"])
            qualifier = parse_qs(scope["query_string"].decode("latin1")).get("Qualifier", [None])[0]
            function = function_of(self._context, unquote(found[1]) if found is not None else "", qualifier)
            status, answer, payload = await self._invoke(function, kind, _checked(body), headers)
        except ApiError as error:
            response = encode_error(error, "rest-json")
            await respond(send, response.status, encoded(response.headers), response.body)
            return
        await respond(send, status, encoded(answer), payload)

    async def _invoke(
        self, function: dict[str, Any], kind: str, payload: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if kind == "DryRun":
            return 204, {}, b""
        if kind == "Event":
            self.queue(function["FunctionArn"], payload)
            return 202, {}, b""
        if kind != "RequestResponse":
            raise ApiError("InvalidParameterValueException", f"InvocationType {kind!r} is none of RequestResponse, Event, DryRun")
        outcome = await self.call(function, payload, headers.get("x-amz-client-context"))
        answer = {"Content-Type": "application/json", "X-Amz-Executed-Version": function["Version"]}
        if outcome.failed:
            answer["X-Amz-Function-Error"] = "Unhandled"
        if headers.get("x-amz-log-type") == "Tail":
            answer["X-Amz-Log-Result"] = base64.b64encode(outcome.log).decode()
        return 200, answer, outcome.payload

    async def call(self, function: dict[str, Any], payload: bytes, client_context: str | None = None) -> Outcome:
        """Invoke a function and wait for what it comes to."""
        event = Event(
            request_id=str(uuid.uuid4()),
            payload=payload,
            function_arn=function["FunctionArn"],
            trace_id=f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            client_context=base64.b64decode(client_context).decode() if client_context else None,
        )
        return await self._workers.invoke(function, event)

    def send(self, reference: str, payload: bytes) -> None:
        """Invoke a function, version or alias asynchronously, from any thread.

        Raises
        ------
        ApiError
            When there is no such function.
        """
        function_of(self._context, reference)
        self._context.part(EventLoop).soon(self.queue, reference, payload)

    def queue(self, reference: str, payload: bytes) -> None:
        """Invoke a function later, and again when it fails, as its settings say: three attempts in all, after one and two minutes."""
        task = asyncio.get_running_loop().create_task(self._deliver(reference, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, reference: str, payload: bytes) -> None:
        """Attempt until it succeeds or may not go on, then tell whoever the function's settings name."""
        fate = Fate(reference, str(uuid.uuid4()), payload, time.time())
        try:
            settings = settings_of(self._context, reference)
            while True:
                outcome = await self._attempt(fate)
                fate = fate.after(outcome)
                if outcome is not None and not outcome.failed:
                    break
                pause = settings.pause(fate) * self._context.wait_scale
                if settings.is_over(fate, pause):
                    _LOG.warning("function %s: an event was given up after %d attempts: %s", reference, fate.attempts, fate.text())
                    break
                await asyncio.sleep(pause)
        except ApiError as error:
            _LOG.warning("function %s: an event was dropped: %s", reference, error)
            return
        await self._context.part(Settlement).tell(fate, settings)

    async def _attempt(self, fate: Fate) -> Outcome | None:
        """What an attempt came to; None when it was throttled."""
        try:
            return await self.call(function_of(self._context, fate.reference), fate.payload)
        except ApiError as error:
            if error.status != 429:
                raise
            return None


def _checked(body: bytes) -> bytes:
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}", 400, {"Type": "User"}
        ) from None
    return body or b"{}"
