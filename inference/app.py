"""The ASGI application: SageMaker's routes, the Kubernetes probes, and the forecast itself."""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from inference import content
from inference.contract import Request
from inference.errors import RequestError, deadline_exceeded
from inference.http import Answer, DisconnectedError, Receive, Scope, Send, headers_of, read_body, send_answer
from inference.model import Model, Outlook, Work
from inference.prediction import Response
from inference.series import Series
from inference.state import State
from inference.tracing import new_request_id, request_id, trace_ids

Headers = Mapping[bytes, bytes]
Handler = Callable[[Headers, Receive], Awaitable[Answer]]

CLIENT_CLOSED_REQUEST = 499
"""The status under which a request that its client gave up is counted; nobody receives it."""


class App:
    """Routes on plain ASGI: a framework would add more time per request than the whole of this."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._routes: dict[str, dict[str, Handler]] = {
            "/ping": {"GET": self._ping},
            "/invocations": {"POST": self._invocations},
            "/v1/forecast": {"POST": self._invocations},
            "/v1/regions": {"GET": self._regions},
            "/execution-parameters": {"GET": self._execution_parameters},
            "/metrics": {"GET": self._metrics},
            "/openapi.json": {"GET": self._openapi},
            "/healthz": {"GET": self._healthz},
            "/readyz": {"GET": self._ping},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        telemetry, started, code = self.state.telemetry, self.state.telemetry.started(), None
        route = scope["path"] if scope["path"] in self._routes else "other"
        headers = headers_of(scope)
        identity = request_id(headers)
        try:
            answer = await self._handler(scope["path"], scope["method"])(headers, receive)
        except RequestError as error:
            code, answer = error.code, _error_answer(error)
        except DisconnectedError:
            telemetry.finished(route, CLIENT_CLOSED_REQUEST, started, "disconnected")
            return
        except Exception:  # noqa: BLE001 the client is told that it failed, the log is told why
            code, answer = "internal", _error_answer(RequestError("internal", "", "the server failed; its log says why", 500))
            identity = identity or new_request_id()
            facts = {"traceback": traceback.format_exc(), "route": route, "request_id": identity, **trace_ids(headers)}
            telemetry.log.error("unexpected error", extra={"facts": facts})
        await send_answer(send, answer, request_id=identity, close=self.state.phase == "draining")
        seconds = telemetry.finished(route, answer.status, started, code)
        if self.state.settings.access_log:
            facts = {"route": route, "status": answer.status, "seconds": round(seconds, 6), "request_id": identity, **trace_ids(headers)}
            telemetry.log.info("answered", extra={"facts": facts})

    def _handler(self, path: str, method: str) -> Handler:
        methods = self._routes.get(path)
        if methods is None:
            raise RequestError("not_found", "", f"no such path; there are {', '.join(self._routes)}", 404)
        if method not in methods:
            raise RequestError("method_not_allowed", "", f"{method[:20]}: use {', '.join(methods)}", 405)
        return methods[method]

    async def _ping(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        healthy, reason = self.state.health()
        body = json.dumps({"status": reason} if healthy else {"error": {"code": self.state.phase, "field": "", "message": reason}})
        return Answer(body.encode(), status=200 if healthy else 503)

    async def _healthz(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        return Answer(b'{"status":"alive"}')

    async def _invocations(self, headers: Headers, receive: Receive) -> Answer:
        sent = content.request_type(headers.get(b"content-type", b"").decode("latin-1"))
        wanted = content.response_type(headers.get(b"accept", b"").decode("latin-1"), sent)
        model = self._model()
        body = await read_body(headers, receive, self.state.settings.max_body_bytes)
        attributes = headers.get(content.ATTRIBUTES.lower().encode(), b"").decode("latin-1")
        requests = content.decode(body, sent, attributes)
        answers = await self._answers(model, requests, receive)
        return Answer(content.encode(answers, wanted), wanted)

    async def _answers(self, model: Model, requests: list[Request | RequestError], receive: Receive) -> list[Response | RequestError]:
        """One response or error per request; the unseen series of all of them go to the model together."""
        resolved = [_resolve(model, request) for request in requests]
        unseen = [one for work in resolved if isinstance(work, tuple) for one in work[1] if isinstance(one, Series)]
        outlooks = await self._predict(unseen, receive) if unseen else []
        upcoming = iter(outlooks)
        return [
            work if isinstance(work, RequestError) else _response(model, request, work, upcoming)
            for request, work in zip(requests, resolved, strict=True)
        ]

    async def _predict(self, unseen: list[Series], receive: Receive) -> list[Outlook]:
        """Outlooks from the batcher; given up when the client goes away, or when the model is stuck past the deadline."""
        batcher = self.state.batcher
        if batcher is None:
            raise RequestError("not_ready", "", "the model is being loaded", 503, 1)
        future = batcher.submit(unseen)
        if not batcher.slow:
            return await future
        gone = asyncio.ensure_future(receive())
        try:
            either: set[asyncio.Future[Any]] = {future, gone}
            await asyncio.wait(either, timeout=self.state.settings.deadline_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                future.cancel()
                raise DisconnectedError if gone.done() else deadline_exceeded(self.state.settings.deadline_seconds)
            return future.result()
        finally:
            gone.cancel()

    async def _regions(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        model = self._model()
        facts = model.forecaster
        listing = {
            "model_version": model.version,
            "frequency": facts.frequency,
            "horizon": facts.horizon,
            "last_date": f"{facts.last_date}-01",
            "regions": list(facts.regions),
        }
        return Answer(json.dumps(listing).encode())

    async def _execution_parameters(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        megabytes = max(1, self.state.settings.max_body_bytes // (1024 * 1024))
        workers = max(1, len(os.sched_getaffinity(0)))
        facts = {"MaxConcurrentTransforms": workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": megabytes}
        return Answer(json.dumps(facts).encode())

    async def _metrics(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        batcher = self.state.batcher
        self.state.telemetry.queued_rows.set(batcher.queued_rows if batcher else 0)
        return Answer(self.state.telemetry.exposition(), "text/plain; version=0.0.4; charset=utf-8")

    async def _openapi(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        from inference.openapi import document

        version = self.state.model.version if self.state.model else "not loaded"
        return Answer(json.dumps(document(version)).encode())

    def _model(self) -> Model:
        model = self.state.model
        if model is None or self.state.phase == "failed":
            raise RequestError("not_ready", "", self.state.health()[1], 503, 1)
        return model


def _resolve(model: Model, request: Request | RequestError) -> Work | RequestError:
    if isinstance(request, RequestError):
        return request
    try:
        return model.resolve(request)
    except RequestError as error:
        return error


def _response(model: Model, request: Request | RequestError, work: Work, outlooks: Iterator[Outlook]) -> Response | RequestError:
    """The predictions of one request; takes as many of `outlooks` as it has unseen series."""
    if isinstance(request, RequestError):
        return request
    wanted, targets = work
    predictions = [
        model.render(next(outlooks), wanted, item.item_id, with_start=item.start is not None)
        if isinstance(target, Series)
        else model.known(target, wanted)
        for item, target in zip(request.inputs, targets, strict=True)
    ]
    return Response(predictions, request.id)


def _error_answer(error: RequestError) -> Answer:
    retry = {} if error.retry_after_seconds is None else {"retry-after": str(error.retry_after_seconds)}
    return Answer(error.body(), status=error.status, headers=retry)
