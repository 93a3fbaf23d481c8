"""One invocation on its way: which variant, its process, what is measured and captured of it, and the shadow's copy."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from emulator.asgi import Headers
from emulator.context import Context
from emulator.endpoints.capture import Capture, CaptureSettings, Exchange
from emulator.endpoints.connection import ConnectionLostError, RefusedError, Reply
from emulator.endpoints.fleet import Fleet
from emulator.endpoints.metrics import Metrics
from emulator.endpoints.routes import Routes
from emulator.endpoints.variant import LiveVariant
from emulator.errors import ApiError

CUSTOM_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each container in "
    "Amazon CloudWatch, resolve the issue, and try again."
)


class ReplacedError(Exception):
    """The instance was taken out of service while a call was on its way to it: the call is for another one."""


@dataclass(frozen=True)
class Call:
    """What a caller wants of an endpoint; `headers` are those that the container gets."""

    endpoint: str
    headers: Headers
    body: bytes
    timeout_seconds: float
    target: str | None = None

    def header(self, name: bytes) -> str | None:
        """The value of one of the headers."""
        return next((value.decode("latin1") for key, value in self.headers if key == name), None)


class Dispatcher:
    """Calls the containers of one emulator; `context.part(Dispatcher)` is the one to use, on the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._fleet, self._metrics, self._capture = context.part(Fleet), context.part(Metrics), Capture(context)
        self._mirrors: set[asyncio.Task[None]] = set()

    async def call(self, call: Call, answered: bool = False) -> tuple[LiveVariant, Reply]:
        """The variant that answered, and its answer; `answered`: the caller waits for it, which an asynchronous endpoint refuses.

        Raises
        ------
        ApiError
            ValidationError for an unknown endpoint or variant, ModelError for any answer but a success, ServiceUnavailable and
            ThrottlingException for a container that can't take the call.
        """
        arrived, mirrored = time.perf_counter(), False
        while True:
            routes = self._routes(call.endpoint)
            if answered and routes.asynchronous:
                raise ApiError("ValidationError", f"Endpoint {call.endpoint} is asynchronous: use InvokeEndpointAsync.")
            variant = _choose(routes, call)
            if not mirrored:
                self._mirror(routes, call)
                mirrored = True
            sent = time.perf_counter()
            try:
                reply = await _ask(variant, call)
            except ReplacedError:
                continue
            except ConnectionLostError as error:
                self._count(call, variant, 0, arrived, sent)
                raise self._model_error(call.endpoint, 0, str(error)) from error
            except TimeoutError as error:
                self._count(call, variant, 0, arrived, sent)
                raise self._model_error(call.endpoint, 0, _TIMED_OUT) from error
            self._count(call, variant, reply.status, arrived, sent)
            if not 200 <= reply.status < 300:
                raise self._model_error(call.endpoint, reply.status, reply.body.decode(errors="replace"))
            if routes.capture is not None:
                self._capture.add(routes.capture, _exchange(call, variant, reply))
            return variant, reply

    def _routes(self, endpoint: str) -> Routes:
        routes = self._fleet.routes(endpoint)
        if routes is None:
            raise ApiError("ValidationError", f"Endpoint {endpoint} of account {self._context.account} not found.")
        return routes.side()

    def _count(self, call: Call, variant: LiveVariant, status: int, arrived: float, sent: float) -> None:
        now = time.perf_counter()
        self._metrics.invoked(call.endpoint, variant.name, variant.count, status, now - sent, sent - arrived)

    def _mirror(self, routes: Routes, call: Call) -> None:
        shadow = routes.mirror()
        if shadow is not None:
            task = asyncio.get_running_loop().create_task(self._copy(shadow, call, routes.capture))
            self._mirrors.add(task)
            task.add_done_callback(self._mirrors.discard)

    async def _copy(self, shadow: LiveVariant, call: Call, capture: CaptureSettings | None) -> None:
        """Send the shadow its copy; its answer is counted, captured where the endpoint captures, and thrown away."""
        sent = time.perf_counter()
        try:
            reply = await _ask(shadow, call)
        except (ConnectionLostError, ReplacedError, TimeoutError, ApiError):
            self._count(call, shadow, 0, sent, sent)
            return
        self._count(call, shadow, reply.status, sent, sent)
        if capture is not None and 200 <= reply.status < 300:
            self._capture.add(capture, _exchange(call, shadow, reply))

    def _model_error(self, endpoint: str, status: int, original: str) -> ApiError:
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        kind = "client" if 400 <= status < 500 else "server"
        message = f'Received {kind} error ({status}) from primary with message "{original}". '
        message += f"See {group} in account {self._context.account} for more information."
        fields: dict[str, Any] = {"OriginalStatusCode": status, "OriginalMessage": original}
        return ApiError("ModelError", message, 424, fields | {"LogStreamArn": self._context.arn(f"log-group:{group}", "logs")})


def _choose(routes: Routes, call: Call) -> LiveVariant:
    variant = routes.next() if call.target is None else routes.variants.get(call.target)
    if variant is None:
        what = "has a weight above 0" if call.target is None else f"is called {call.target}"
        raise ApiError("ValidationError", f"Variant not found for the request: no variant of endpoint {call.endpoint} {what}.")
    return variant


async def _ask(variant: LiveVariant, call: Call) -> Reply:
    limit = variant.max_concurrency
    if limit is not None and variant.in_flight >= limit:
        raise ApiError("ThrottlingException", f"Rate exceeded: variant {variant.name} serves {limit} at once.", 429)
    host = variant.next_host()
    if host is None:
        raise ApiError("ServiceUnavailable", f"Variant {variant.name} has no instance.", 503)
    variant.in_flight += 1
    host.in_flight += 1
    variant.load.begin()
    try:
        pool = host.pool or await host.wake()
        if pool is None:
            raise ApiError("ServiceUnavailable", f"The container of variant {variant.name} is being started again.", 503)
        return await pool.request(b"POST", b"/invocations", call.headers, call.body, call.timeout_seconds)
    except RefusedError:
        if host.retired.is_set() or host.lost(among=variant.hosts):
            raise ReplacedError from None
        raise
    except ConnectionLostError:
        if host.retired.is_set():
            raise ReplacedError from None
        raise
    finally:
        variant.load.end()
        host.in_flight -= 1
        variant.in_flight -= 1
        host.used()


def _exchange(call: Call, variant: LiveVariant, reply: Reply) -> Exchange:
    return Exchange(
        endpoint=call.endpoint,
        variant=variant.name,
        request=(call.header(b"content-type") or "application/octet-stream", call.body),
        answer=(reply.headers.get(b"content-type", b"").decode("latin1"), reply.body),
        inference_id=call.header(INFERENCE_ID),
        custom_attributes=call.header(CUSTOM_ATTRIBUTES),
    )
