"""Put approved models into service: begin the safe update at the approval, finish it when the endpoint has settled.

| event | what happens |
| --- | --- |
| model package approved | the update begins, or waits until the endpoint is free; nothing when a newer package is approved |
| model package rejected | nothing |
| endpoint settled | scaling is attached and the old model removed; after a rollback the new one; what waited begins |
| pipeline execution ended | the precomputed table is published where the model was in service before its forecasts were there |
| the clock, every quarter of an hour | whatever is still open goes on, should its event have been lost |

A failed invocation is repeated by Lambda and then lands in the dead-letter queue; each event may come twice or late without harm.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.deploy import events, outcome, update
from lambdas.deploy.desk import Desk
from lambdas.deploy.records import ConflictError, Record, Records
from lambdas.shared import metrics as names
from pipelines import handover
from pipelines.aws import client

if TYPE_CHECKING:
    from pipelines.settings import Settings

ATTEMPTS = 5
"""Of one invocation, when others write the same record."""

log = Logger(service="housing-deploy")
metrics = Metrics(namespace=names.NAMESPACE, service="housing-deploy")


@lru_cache
def settings() -> Settings:
    """What the stack was deployed with."""
    return handover.from_json(os.environ.get(handover.VARIABLE, ""))


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Entry point; returns the state of each endpoint that the event concerned."""
    log.append_keys(request_id=getattr(context, "aws_request_id", "") or "local", event_id=_event_id(event))
    try:
        news = events.read(event)
        states = _states(news) if news else {}
        log.info("handled" if states else "nothing to do", extra={"news": type(news).__name__, "states": states})
        return {"states": states}
    finally:
        if metrics.metric_set:
            metrics.flush_metrics()


def _states(news: events.News) -> dict[str, str]:
    for attempt in range(ATTEMPTS):
        try:
            return _once(news)
        except ConflictError as error:
            log.info("another invocation was faster", extra={"endpoint": str(error), "attempt": attempt})
    raise RuntimeError(f"the records are written by others all the time: gave up after {ATTEMPTS} attempts")


def _once(news: events.News) -> dict[str, str]:
    chosen = settings()
    desk = Desk(chosen, Records(client("s3", chosen), chosen.bucket, chosen.kms_key_id), _announce)
    match news:
        case events.Decision():
            return update.decided(news, desk)
        case events.Change():
            return update.changed(news, desk)
        case events.End():
            return update.ended(news, desk)
        case events.Look():
            return update.looked(desk)


def _announce(endpoint: str, record: Record) -> None:
    failed = record.state == "failed"
    if record.state != "replaced":
        metrics.add_metric(names.UPDATES_FAILED if failed else names.UPDATES_DONE, MetricUnit.Count, 1)
    (log.error if failed else log.info)("update ended", extra=outcome.message(endpoint, record))
    topic = os.environ.get("HOUSING_TOPIC_ARN", "")
    if topic:
        outcome.tell(client("sns", settings()), topic, endpoint, record)


def _event_id(event: Any) -> str:
    return str(event.get("id", "")) if isinstance(event, dict) else ""
