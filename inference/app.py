"""The application: SageMaker's routes, the Kubernetes probes, and the forecast itself."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable

from inference.errors import RequestError
from inference.http import Answer, Peer, Request
from inference.invocations import Invocations
from inference.machine import cores
from inference.state import State
from inference.tracing import new_request_id, request_id, trace_ids

Handler = Callable[[Request], Awaitable[Answer]]

CLIENT_CLOSED_REQUEST = 499
"""The status under which a request that its client gave up is counted; nobody receives it."""


class App:
    """Routes without a framework, which would add more time per request than the whole of this."""

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

    async def __call__(self, request: Request, peer: Peer) -> None:
        """Answer `request` to `peer`, whatever happens, and count it."""
        telemetry, code, headers = self.state.telemetry, None, request.headers
        started = telemetry.started()
        route = request.path if request.path in self._routes else "other"
        identity = request_id(headers)
        try:
            try:
                answer = await self._handler(request.path, request.method)(request)
            except RequestError as error:
                code, answer = error.code, _error_answer(error)
            except Exception:  # noqa: BLE001 the client is told that it failed, the log is told why
                code, identity = "internal", identity or new_request_id()
                answer = _error_answer(RequestError("internal", "", "the server failed; its log says why", 500))
                failed = {"traceback": traceback.format_exc(), "route": route, "request_id": identity, **trace_ids(headers)}
                telemetry.log.error("unexpected error", extra={"facts": failed})
            draining = self.state.phase == "draining"
            if answer.stream is None:
                peer.write(answer, identity, draining)
            else:
                await peer.stream(answer, identity, draining)
        except (RequestError, asyncio.CancelledError) as error:
            # The client has gone, or a record in the middle of a body that is half sent already has no answer.
            telemetry.finished(route, CLIENT_CLOSED_REQUEST, started, getattr(error, "code", "disconnected"), headers)
            return
        seconds = telemetry.finished(route, answer.status, started, code, headers)
        if self.state.settings.access_log:
            facts: dict[str, object] = {
                "route": route,
                "status": answer.status,
                "seconds": round(seconds, 6),
                "request_id": identity,
                **trace_ids(headers),
            }
            telemetry.log.info("answered", extra={"facts": facts})

    def _handler(self, path: str, method: str) -> Handler:
        methods = self._routes.get(path)
        if methods is None:
            raise RequestError("not_found", "", f"no such path; there are {', '.join(self._routes)}", 404)
        if method not in methods:
            raise RequestError("method_not_allowed", "", f"{method[:20]}: use {', '.join(methods)}", 405)
        return methods[method]

    async def _ping(self, request: Request) -> Answer:  # noqa: ARG002
        healthy, reason = self.state.health()
        body = json.dumps({"status": reason} if healthy else {"error": {"code": self.state.phase, "field": "", "message": reason}})
        return Answer(body.encode(), status=200 if healthy else 503)

    async def _healthz(self, request: Request) -> Answer:  # noqa: ARG002
        return Answer(b'{"status":"alive"}')

    async def _regions(self, request: Request) -> Answer:  # noqa: ARG002
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

    async def _execution_parameters(self, request: Request) -> Answer:  # noqa: ARG002
        megabytes = max(1, self.state.settings.max_body_bytes // (1024 * 1024))
        facts = {
            "MaxConcurrentTransforms": self.state.settings.workers or cores(),
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": megabytes,
        }
        return Answer(json.dumps(facts).encode())

    async def _metrics(self, request: Request) -> Answer:  # noqa: ARG002
        siblings = self.state.siblings
        text = self.state.telemetry.exposition() if siblings is None else await siblings.exposition(self.state.telemetry)
        return Answer(text, "text/plain; version=0.0.4; charset=utf-8")

    async def _openapi(self, request: Request) -> Answer:  # noqa: ARG002
        from inference.openapi import document

        version = self.state.model.version if self.state.model else "not loaded"
        return Answer(json.dumps(document(version)).encode())


def _error_answer(error: RequestError) -> Answer:
    retry = {} if error.retry_after_seconds is None else {"retry-after": str(error.retry_after_seconds)}
    return Answer(error.body(), status=error.status, headers=retry)
