"""How long CloudWatch keeps the seconds: values of endpoints that are three hours old are summed up by minute, so that memory lasts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.context import Context
from emulator.endpoints.metrics import NAMESPACE

KEPT = timedelta(hours=3)
_MODELS = "moto.cloudwatch.models"


def compact_metrics(context: Context) -> None:
    """Sum up what is old in moto, which keeps every value that it was ever given."""
    models: Any = sys.modules.get(_MODELS)
    if models is None:
        return
    data = models.cloudwatch_backends[context.account][context.region].metric_data
    known = len(data)
    # values that come meanwhile are appended, beyond what is replaced here
    data[:known] = compacted(data[:known], datetime.now(UTC) - KEPT, models.MetricAggregatedDatum)


def compacted(data: Iterable[Any], before: datetime, datum: Callable[..., Any]) -> list[Any]:
    """The values with those of endpoints from `before` a time merged, one for each metric and minute."""
    kept: list[Any] = []
    minutes: dict[tuple[Any, ...], Any] = {}
    for item in data:
        if item.namespace != NAMESPACE or not hasattr(item, "sample_count") or _utc(item.timestamp) >= before:
            kept.append(item)
            continue
        key = (
            item.name,
            tuple(sorted((one.name, one.value) for one in item.dimensions)),
            _utc(item.timestamp).replace(second=0, microsecond=0),
        )
        minutes[key] = _merged(minutes[key], item, datum) if key in minutes else item
    return [*minutes.values(), *kept]


def _merged(one: Any, other: Any, datum: Callable[..., Any]) -> Any:
    return datum(
        namespace=one.namespace,
        name=one.name,
        min_stat=min(one.min, other.min),
        max_stat=max(one.max, other.max),
        sample_count=one.sample_count + other.sample_count,
        sum_stat=one.sum + other.sum,
        dimensions=[{"Name": item.name, "Value": item.value} for item in one.dimensions],
        timestamp=one.timestamp,
        unit=one.unit,
    )


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
