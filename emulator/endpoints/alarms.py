"""CloudWatch alarms as a deployment sees them: their state in moto, brought up to date from the metrics, which moto leaves to the user."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.clients import Clients
from emulator.context import Context
from emulator.errors import invalid

_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def require(context: Context, names: Collection[str]) -> None:
    """Refuse alarms that don't exist.

    Raises
    ------
    ApiError
        A ValidationException that names one.
    """
    known = {alarm["AlarmName"] for alarm in _described(context, names)}
    for name in names:
        if name not in known:
            raise invalid(f"Could not find alarm {name!r}.")


def alarming(context: Context, names: Collection[str]) -> list[str]:
    """Those of the alarms that are in the state ALARM now."""
    return [alarm["AlarmName"] for alarm in _described(context, names) if _state(context, alarm) == "ALARM"]


def _described(context: Context, names: Collection[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    found: list[dict[str, Any]] = context.part(Clients).get("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    return found


def _state(context: Context, alarm: Mapping[str, Any]) -> str:
    """The state by the metric's values in the last periods; without any, the one that was set last."""
    breached = _breached(context, alarm)
    known: str = alarm["StateValue"]
    state = {True: "ALARM", False: "OK"}.get(breached, known) if breached is not None else known
    if state != known:
        reason = f"Threshold {alarm['Threshold']} over the last {alarm['Period']} s"
        context.part(Clients).get("cloudwatch").set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason=reason)
    return state


def _breached(context: Context, alarm: Mapping[str, Any]) -> bool | None:
    compare = _BREACHES.get(alarm.get("ComparisonOperator", ""))
    if compare is None or not alarm.get("MetricName") or "Statistic" not in alarm:
        return None
    period, periods, now = alarm["Period"], alarm.get("EvaluationPeriods", 1), datetime.now(UTC)
    answer = (
        context.part(Clients)
        .get("cloudwatch")
        .get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm.get("Dimensions", []),
            StartTime=now - timedelta(seconds=period * periods),
            EndTime=now + timedelta(seconds=1),
            Period=period,
            Statistics=[alarm["Statistic"]],
        )
    )
    values = [point[alarm["Statistic"]] for point in answer["Datapoints"]]
    if not values:
        return None
    needed = min(alarm.get("DatapointsToAlarm", periods), len(values))
    breaching = [value for value in values if compare(value, alarm["Threshold"])]
    return len(breaching) >= int(needed)
