"""InvokeEndpoint: the request goes to a variant's process and its answer comes back, unread, on the event loop."""

from __future__ import annotations

import re
from urllib.parse import unquote

from emulator.asgi import Application, Headers, Receive, Scope, Send, encoded, read_body, respond
from emulator.context import Context
from emulator.endpoints.connection import ConnectionLostError, Reply
from emulator.endpoints.fleet import Fleet
from emulator.endpoints.variant import LiveVariant
from emulator.errors import ApiError
from emulator.protocol.encode import encode_error

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
TIMEOUT_SECONDS = 60.0
_PATH = re.compile(r"/endpoints/([^/]+)/invocations")
_TO_CONTAINER = (
    b"content-type",
    b"accept",
    b"x-amzn-sagemaker-custom-attributes",
    b"x-amzn-sagemaker-inference-id",
    b"x-amzn-sagemaker-session-id",
    b"x-amzn-sagemaker-target-model",
)
_TO_CALLER = (
    b"content-type",
    b"x-amzn-sagemaker-custom-attributes",
    b"x-amzn-sagemaker-new-session-id",
    b"x-amzn-sagemaker-closed-session-id",
)
_TARGET_VARIANT = b"x-amzn-sagemaker-target-variant"


class Invocations:
    """The runtime's InvokeEndpoint as an ASGI application."""

    def __init__(self, context: Context, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._context, self._fleet, self._timeout_seconds = context, context.part(Fleet), timeout_seconds

    def application(self, method: str, path: str) -> Application | None:
        """What answers this path of the runtime; None when it is not an invocation."""
        return self._answer if method == "POST" and _PATH.fullmatch(path) else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, MAX_PAYLOAD_BYTES)
        try:
            if body is None:
                raise ApiError("413", f"HTTP content length exceeded {MAX_PAYLOAD_BYTES} bytes.", 413)
            found = _PATH.fullmatch(scope["path"])
            endpoint = unquote(found[1]) if found is not None else ""
            headers: Headers = scope["headers"]
            variant, reply = await self._invoke(endpoint, headers, body)
        except ApiError as error:
            response = encode_error(error, "rest-json")
            await respond(send, response.status, encoded(response.headers), response.body)
            return
        answer = [(name, reply.headers[name]) for name in _TO_CALLER if name in reply.headers]
        answer.append((b"x-amzn-invoked-production-variant", variant.name.encode()))
        await respond(send, 200, answer, reply.body)

    async def _invoke(self, endpoint: str, headers: Headers, body: bytes) -> tuple[LiveVariant, Reply]:
        target = next((value.decode("latin1") for name, value in headers if name == _TARGET_VARIANT), None)
        passed = [header for header in headers if header[0] in _TO_CONTAINER]
        while True:
            variant = self._choose(endpoint, target)
            pool = variant.pool
            if pool is None:
                raise ApiError("ServiceUnavailable", f"The container of variant {variant.name} is being started again.", 503)
            variant.in_flight += 1
            try:
                reply = await pool.request(b"POST", b"/invocations", passed, body, self._timeout_seconds)
            except ConnectionLostError as error:
                if variant.retired.is_set():  # it was replaced while the call was on its way
                    continue
                raise self._model_error(endpoint, 0, str(error)) from error
            except TimeoutError as error:
                message = "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
                message += "for each container in Amazon CloudWatch, resolve the issue, and try again."
                raise self._model_error(endpoint, 0, message) from error
            finally:
                variant.in_flight -= 1
            if not 200 <= reply.status < 300:
                raise self._model_error(endpoint, reply.status, reply.body.decode(errors="replace"))
            return variant, reply

    def _choose(self, endpoint: str, target: str | None) -> LiveVariant:
        routes = self._fleet.routes(endpoint)
        if routes is None:
            raise ApiError("ValidationError", f"Endpoint {endpoint} of account {self._context.account} not found.")
        variant = routes.next() if target is None else routes.variants.get(target)
        if variant is None:
            what = "has a weight above 0" if target is None else f"is called {target}"
            raise ApiError("ValidationError", f"Variant not found for the request: no variant of endpoint {endpoint} {what}.")
        return variant

    def _model_error(self, endpoint: str, status: int, original: str) -> ApiError:
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        kind = "client" if 400 <= status < 500 else "server"
        message = (
            f'Received {kind} error ({status}) from primary with message "{original}". See {group} in account {self._context.account} '
        )
        message += "for more information."
        arn = self._context.arn(f"log-group:{group}", "logs")
        fields = {"OriginalStatusCode": status, "OriginalMessage": original, "LogStreamArn": arn}
        return ApiError("ModelError", message, 424, fields)
