"""What an alarm looks at: one metric, or metric math over several, period by period."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.clients import Clients
from emulator.context import Context
from emulator.endpoints.metric_math import Value, evaluated
from emulator.endpoints.metrics import NAMESPACE, Metrics


@dataclass(frozen=True)
class Query:
    """One metric with its statistic, a percentile (`p99`) or one of CloudWatch's five."""

    namespace: str
    name: str
    dimensions: list[dict[str, str]]
    statistic: str


def values_of(context: Context, alarm: Mapping[str, Any], speed: float) -> list[Value]:
    """The values of the alarm's last evaluation periods, the latest first; periods are `speed` times as short as it says.

    Raises
    ------
    MathError
        When its metric math is not understood.
    """
    metrics = alarm.get("Metrics")
    period = alarm["Period"] if not metrics else max(item["MetricStat"]["Period"] for item in metrics if "MetricStat" in item)
    seconds, now = max(1.0, period / speed), datetime.now(UTC) + timedelta(seconds=1)
    spans = [
        (now - timedelta(seconds=seconds * (number + 1)), now - timedelta(seconds=seconds * number))
        for number in range(alarm.get("EvaluationPeriods", 1))
    ]
    return [_math(context, metrics, span) if metrics else _statistic(context, _query(alarm), span) for span in spans]


def _query(alarm: Mapping[str, Any]) -> Query:
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return Query(alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions", []), statistic)


def _math(context: Context, metrics: list[dict[str, Any]], span: tuple[datetime, datetime]) -> Value:
    """The value of the one item whose data is returned; expressions may build on each other in their order."""
    values: dict[str, Value] = {}
    for item in (one for one in metrics if "MetricStat" in one):
        metric = item["MetricStat"]["Metric"]
        query = Query(metric["Namespace"], metric["MetricName"], metric.get("Dimensions", []), item["MetricStat"]["Stat"])
        values[item["Id"]] = _statistic(context, query, span)
    for item in (one for one in metrics if "MetricStat" not in one):
        values[item["Id"]] = evaluated(item["Expression"], values)
    returned = next((item for item in metrics if item.get("ReturnData", True)), metrics[-1])
    return values[returned["Id"]]


def _statistic(context: Context, query: Query, span: tuple[datetime, datetime]) -> Value:
    start, end = span
    if query.statistic.startswith("p"):
        return _percentile(context, query, start.timestamp(), end.timestamp())
    answer = (
        context.part(Clients)
        .get("cloudwatch")
        .get_metric_statistics(
            Namespace=query.namespace,
            MetricName=query.name,
            Dimensions=query.dimensions,
            StartTime=start,
            EndTime=end,
            Period=max(60, round((end - start).total_seconds())),
            Statistics=[query.statistic],
        )
    )
    return answer["Datapoints"][-1][query.statistic] if answer["Datapoints"] else None


def _percentile(context: Context, query: Query, start: float, end: float) -> Value:
    """Percentiles are known of the latencies of variants only: moto keeps sums."""
    named = {item["Name"]: item["Value"] for item in query.dimensions}
    if query.namespace != NAMESPACE or named.keys() != {"EndpointName", "VariantName"}:
        return None
    values = context.part(Metrics).values(named["EndpointName"], named["VariantName"], query.name, start, end)
    rank = math.ceil(float(query.statistic[1:]) / 100 * len(values))
    return sorted(values)[max(0, rank - 1)] if values else None
