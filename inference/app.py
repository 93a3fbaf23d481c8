"""The ASGI application: SageMaker's routes, the Kubernetes probes, and the forecast itself."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Awaitable, Callable, Mapping

from inference.errors import RequestError
from inference.http import Answer, DisconnectedError, Receive, Scope, Send, headers_of, send_answer
from inference.invocations import Invocations
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
        forecast = Invocations(state)
        self._routes: dict[str, dict[str, Handler]] = {
            "/ping": {"GET": self._ping},
            "/invocations": {"POST": forecast},
            "/v1/forecast": {"POST": forecast},
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
            telemetry.finished(route, CLIENT_CLOSED_REQUEST, started, "disconnected", headers)
            return
        except Exception:  # noqa: BLE001 the client is told that it failed, the log is told why
            code, answer = "internal", _error_answer(RequestError("internal", "", "the server failed; its log says why", 500))
            identity = identity or new_request_id()
            facts = {"traceback": traceback.format_exc(), "route": route, "request_id": identity, **trace_ids(headers)}
            telemetry.log.error("unexpected error", extra={"facts": facts})
        try:
            await send_answer(send, answer, request_id=identity, close=self.state.phase == "draining")
        except (RequestError, DisconnectedError) as error:
            # The status is out already: the connection ends in the middle of the body, so that the client can tell.
            telemetry.finished(route, CLIENT_CLOSED_REQUEST, started, getattr(error, "code", "disconnected"), headers)
            return
        seconds = telemetry.finished(route, answer.status, started, code, headers)
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

    async def _regions(self, headers: Headers, receive: Receive) -> Answer:  # noqa: ARG002
        model = self.state.answering()
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


def _error_answer(error: RequestError) -> Answer:
    retry = {} if error.retry_after_seconds is None else {"retry-after": str(error.retry_after_seconds)}
    return Answer(error.body(), status=error.status, headers=retry)
