"""One log line and one set of metrics per request: which route answered, how long it took, who failed on the way."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics

from lambdas.predict.precomputed import NO_TABLE, TOO_OLD
from lambdas.predict.router import Journey
from lambdas.shared import metrics as names
from lambdas.shared.http import Answer

SERVICE = "housing-predict"

log = Logger(service=SERVICE)
metrics = Metrics(namespace=names.NAMESPACE, service=SERVICE)


def tell(answer: Answer, journey: Journey, ids: dict[str, str], seconds: float) -> None:
    """Write both; `ids` say which request it was."""
    failures = {route: f"{error.fault}: {error.reason}" for route, error in journey.failures}
    facts: dict[str, Any] = {
        **ids,
        "status": answer.status,
        "route": journey.route,
        "degraded": journey.degraded,
        "milliseconds": round(seconds * 1000, 2),
        "bytes": len(answer.body),
    }
    if failures:
        facts["failures"] = failures
    if journey.notes:
        facts["notes"] = journey.notes
    (log.error if answer.status >= 500 else log.warning if failures else log.info)("answered", extra=facts)
    _count(answer, journey, seconds)


def _count(answer: Answer, journey: Journey, seconds: float) -> None:
    metrics.add_dimensions(service=SERVICE, route=journey.route)
    metrics.add_metric(names.REQUESTS, "Count", 1)
    metrics.add_metric(names.LATENCY, "Milliseconds", seconds * 1000)
    if journey.degraded:
        metrics.add_metric(names.DEGRADED, "Count", 1)
    if answer.status == 202:
        metrics.add_metric(names.JOBS_SUBMITTED, "Count", 1)
    if answer.status == 429:
        metrics.add_metric(names.THROTTLED, "Count", 1)
    elif answer.status >= 500:
        metrics.add_metric(names.FAILED, "Count", 1)
    elif answer.status >= 400:
        metrics.add_metric(names.REFUSED, "Count", 1)
    if {TOO_OLD, NO_TABLE} & set(journey.notes):
        metrics.add_metric(names.STALE_FORECASTS, "Count", 1)
    metrics.flush_metrics()
    _count_failures(journey)


def _count_failures(journey: Journey) -> None:
    """Under the route that failed, not under the one that answered."""
    for route, error in journey.failures:
        metrics.add_dimensions(service=SERVICE, route=route)
        metrics.add_metric(names.FALLBACKS, "Count", 1)
        if route in journey.opened and error.fault != "open":
            metrics.add_metric(names.BREAKER_OPENED, "Count", 1)
        metrics.flush_metrics()
