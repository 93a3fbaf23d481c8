"""InvokeEndpoint: the request goes to a variant's process and its answer comes back, unread, on the event loop."""

from __future__ import annotations

import re
from urllib.parse import unquote

from emulator.asgi import Application, Headers, Receive, Scope, Send, encoded, read_body, respond
from emulator.context import Context
from emulator.endpoints.dispatch import CUSTOM_ATTRIBUTES, INFERENCE_ID, Call, Dispatcher
from emulator.errors import ApiError
from emulator.faults import Faults
from emulator.loop import EventLoop
from emulator.operations import Answer, Request, operation
from emulator.protocol.encode import encode_error

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
TIMEOUT_SECONDS = 60.0
_PATH = re.compile(r"/endpoints/([^/]+)/invocations")
_TO_CONTAINER = frozenset(
    {b"content-type", b"accept", CUSTOM_ATTRIBUTES, INFERENCE_ID, b"x-amzn-sagemaker-session-id", b"x-amzn-sagemaker-target-model"}
)
_TO_CALLER = (b"content-type", CUSTOM_ATTRIBUTES, b"x-amzn-sagemaker-new-session-id", b"x-amzn-sagemaker-closed-session-id")
_TARGET_VARIANT = b"x-amzn-sagemaker-target-variant"


@operation("sagemaker-runtime", "InvokeEndpoint")
def invoke_endpoint(request: Request, context: Context) -> Answer:
    """Send a request to a variant's process and its answer back; at most 6 MB and 60 s."""
    given = {name: request.get(field) for name, field in ((b"content-type", "ContentType"), (b"accept", "Accept"))}
    headers = [(name, value.encode()) for name, value in given.items() if value is not None]
    call = Call(request["EndpointName"], headers, request.get("Body", b""), TIMEOUT_SECONDS, request.get("TargetVariant"))
    variant, reply = context.part(EventLoop).wait(context.part(Dispatcher).call(call, answered=True))
    content_type = reply.headers.get(b"content-type", b"").decode("latin1")
    return {"Body": reply.body, "ContentType": content_type, "InvokedProductionVariant": variant.name}


class Invocations:
    """The runtime's InvokeEndpoint as an ASGI application."""

    def __init__(self, context: Context, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._dispatcher, self._timeout_seconds, self._faults = context.part(Dispatcher), timeout_seconds, context.part(Faults)

    def application(self, method: str, path: str) -> Application | None:
        """What answers this path of the runtime; None when it is not an invocation."""
        return self._answer if method == "POST" and _PATH.fullmatch(path) else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, MAX_PAYLOAD_BYTES)
        try:
            self._faults.check_operation("sagemaker-runtime", "InvokeEndpoint")
            if body is None:
                raise ApiError("413", f"HTTP content length exceeded {MAX_PAYLOAD_BYTES} bytes.", 413)
            variant, reply = await self._dispatcher.call(self._call(scope, body), answered=True)
        except ApiError as error:
            response = encode_error(error, "rest-json")
            await respond(send, response.status, encoded(response.headers), response.body)
            return
        answer = [(name, reply.headers[name]) for name in _TO_CALLER if name in reply.headers]
        answer.append((b"x-amzn-invoked-production-variant", variant.name.encode()))
        await respond(send, 200, answer, reply.body)

    def _call(self, scope: Scope, body: bytes) -> Call:
        headers: Headers = scope["headers"]
        target = next((value.decode("latin1") for name, value in headers if name == _TARGET_VARIANT), None)
        passed = [header for header in headers if header[0] in _TO_CONTAINER]
        return Call(unquote(scope["path"].split("/")[2]), passed, body, self._timeout_seconds, target)
