"""Answer a forecast request, whichever way is open: docs/functions.md has the routing table, the headers and the faults.

An HTTP API event (payload format 2.0) gets an HTTP API response with `x-housing-route` and `x-housing-degraded`; a direct invocation is
the request itself and gets the body alone. The body is the contract's, from whatever route.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from lambdas.predict import telemetry
from lambdas.predict.configuration import Configuration
from lambdas.predict.precomputed import Precomputed
from lambdas.predict.router import Journey, Router
from lambdas.predict.shape import shape_of
from lambdas.predict.targets import EksService, SageMakerEndpoint, Target
from lambdas.shared.errors import ApiError
from lambdas.shared.http import Answer, Call, excess, read_call, write_answer
from pipelines.signed import S3, SignedConnection, region

RESERVED_SECONDS = 0.5
"""Of a worker's time, for the answer itself."""


class Service:
    """Everything that lives as long as the worker."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._router = Router(configuration.table, targets(configuration))
        self._submission: Any = None

    def answer(self, call: Call, until: float, journey: Journey) -> Answer:
        """The answer; ApiError for a refusal of our own."""
        if not call.body:
            raise ApiError(400, "malformed_json", "the body is empty; send a forecast request")
        shape = shape_of(call)
        answer = self._router.route(call, shape, until, journey)
        if answer is None and self._router.fits(shape):
            raise ApiError(400, "no_route", "no route takes such a request; ask without explain, and without foundation members")
        if answer is None:
            return self._submitted(call, journey, f"{shape.size} bytes, {shape.series} series are too many for one request")
        if over := excess(call, answer):
            return self._submitted(call, journey, f"the answer is {over} bytes larger than a function can return")
        return answer

    def _submitted(self, call: Call, journey: Journey, reason: str) -> Answer:
        """The request as an asynchronous job, where there is an endpoint for it; else ApiError 413."""
        if not (self._configuration.async_endpoint and self._configuration.bucket):
            raise ApiError(413, "too_large", f"{reason}; send fewer series at once, or use batch transform")
        if self._submission is None:
            from lambdas.predict.submit import Submission

            self._submission = Submission(self._configuration.async_endpoint, self._configuration.bucket)
        answer: Answer = self._submission.submit(call)
        journey.route = "async"
        return answer


def targets(configuration: Configuration) -> dict[str, Target]:
    """Who can be asked, by route. Connections are opened when they are needed."""
    found: dict[str, Target] = {}
    used = {row.route for row in configuration.table}
    if "precomputed" in used and configuration.bucket:
        store = SignedConnection(S3, region())
        found["precomputed"] = Precomputed(store, configuration.bucket, configuration.max_forecast_age_days)
    for route, name in (("cpu", configuration.cpu_endpoint), ("gpu", configuration.endpoint)):
        if route in used and name and name != configuration.async_endpoint:
            found[route] = SageMakerEndpoint(name, region())
    if "eks" in used and configuration.eks_url:
        found["eks"] = EksService(configuration.eks_url)
    return found


configuration = Configuration.read(os.environ)
service = Service(configuration)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Entry point."""
    started, journey, call = time.monotonic(), Journey(), None
    ids = {"function_request_id": getattr(context, "aws_request_id", "") or "local"}
    try:
        call = read_call(event, ids["function_request_id"])
        answer = service.answer(call, started + _seconds(context), journey)
    except ApiError as error:
        answer = Answer(error.status, error.body, error.headers)
    except Exception:  # noqa: BLE001 the caller is told that it failed, the log is told why
        telemetry.log.exception("unexpected error", extra=ids)
        failure = ApiError(500, "internal", "the function failed; the log of housing-predict says why")
        answer = Answer(500, failure.body)
    ids["request_id"] = call.request_id if call else ids["function_request_id"]
    telemetry.tell(answer, journey, ids, time.monotonic() - started)
    return write_answer(call, Answer(answer.status, answer.body, {**answer.headers, **_headers(journey, ids)}))


def _seconds(context: Any) -> float:
    """The time for an answer: the budget, or what is left to the worker where that is less."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    left = float("inf") if remaining is None else remaining() / 1000 - RESERVED_SECONDS
    return min(configuration.budget_seconds, left)


def _headers(journey: Journey, ids: Mapping[str, str]) -> dict[str, str]:
    return {
        "x-housing-route": journey.route,
        "x-housing-degraded": "true" if journey.degraded else "false",
        "x-request-id": ids["request_id"],
    }
