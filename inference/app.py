"""The ASGI application: SageMaker's routes, the Kubernetes probes, and the forecast itself."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Awaitable, Callable, Iterator

from inference import content
from inference.contract import Request
from inference.errors import RequestError
from inference.http import Answer, DisconnectedError, Receive, Scope, Send, headers_of, read_body, send_answer
from inference.model import Model, Outlook, Work
from inference.prediction import Response
from inference.series import Series
from inference.state import State

Handler = Callable[[Scope, Receive], Awaitable[Answer]]


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
            "/healthz": {"GET": self._healthz},
            "/readyz": {"GET": self._ping},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        telemetry, started, code = self.state.telemetry, self.state.telemetry.started(), None
        try:
            answer = await self._handler(path, scope["method"])(scope, receive)
        except RequestError as error:
            code, answer = error.code, _error_answer(error)
        except DisconnectedError:
            telemetry.finished(path, 499, started, "disconnected")
            return
        except Exception:  # noqa: BLE001 the client is told that it failed, the log is told why
            telemetry.log.error("unexpected error", extra={"facts": {"traceback": traceback.format_exc(), "path": path}})
            code, answer = "internal", _error_answer(RequestError("internal", "", "the server failed; its log says why", 500))
        route = path if path in self._routes else "other"
        await send_answer(send, answer, close=self.state.phase == "draining")
        telemetry.finished(route, answer.status, started, code)

    def _handler(self, path: str, method: str) -> Handler:
        methods = self._routes.get(path)
        if methods is None:
            raise RequestError("not_found", "", f"no such path; there are {', '.join(self._routes)}", 404)
        if method not in methods:
            raise RequestError("method_not_allowed", "", f"{method[:20]}: use {', '.join(methods)}", 405)
        return methods[method]

    async def _ping(self, scope: Scope, receive: Receive) -> Answer:  # noqa: ARG002
        healthy, reason = self.state.health()
        body = json.dumps({"status": reason} if healthy else {"error": {"code": self.state.phase, "field": "", "message": reason}})
        return Answer(body.encode(), status=200 if healthy else 503)

    async def _healthz(self, scope: Scope, receive: Receive) -> Answer:  # noqa: ARG002
        return Answer(b'{"status":"alive"}')

    async def _invocations(self, scope: Scope, receive: Receive) -> Answer:
        headers = headers_of(scope)
        sent = content.request_type(headers.get(b"content-type", b"").decode("latin-1"))
        wanted = content.response_type(headers.get(b"accept", b"").decode("latin-1"), sent)
        model = self._model()
        body = await read_body(headers, receive, self.state.settings.max_body_bytes)
        attributes = headers.get(content.ATTRIBUTES.lower().encode(), b"").decode("latin-1")
        requests = content.decode(body, sent, attributes)
        answers = await self._answers(model, requests)
        return Answer(content.encode(answers, wanted), wanted)

    async def _answers(self, model: Model, requests: list[Request | RequestError]) -> list[Response | RequestError]:
        """One response or error per request; the unseen series of all of them go to the model together."""
        resolved = [_resolve(model, request) for request in requests]
        unseen = [one for work in resolved if isinstance(work, tuple) for one in work[1] if isinstance(one, Series)]
        outlooks: list[Outlook] = []
        if unseen and self.state.batcher:
            outlooks = await self.state.batcher.submit(unseen)
        upcoming = iter(outlooks)
        return [
            work if isinstance(work, RequestError) else _response(model, request, work, upcoming)
            for request, work in zip(requests, resolved, strict=True)
        ]

    async def _regions(self, scope: Scope, receive: Receive) -> Answer:  # noqa: ARG002
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

    async def _execution_parameters(self, scope: Scope, receive: Receive) -> Answer:  # noqa: ARG002
        megabytes = max(1, self.state.settings.max_body_bytes // (1024 * 1024))
        workers = max(1, len(os.sched_getaffinity(0)))
        facts = {"MaxConcurrentTransforms": workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": megabytes}
        return Answer(json.dumps(facts).encode())

    async def _metrics(self, scope: Scope, receive: Receive) -> Answer:  # noqa: ARG002
        batcher = self.state.batcher
        self.state.telemetry.queued_rows.set(batcher.queued_rows if batcher else 0)
        return Answer(self.state.telemetry.exposition(), "text/plain; version=0.0.4; charset=utf-8")

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
