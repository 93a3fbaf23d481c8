"""CloudWatch alarms as a deployment sees them: their state in moto, brought up to date from the metrics, which moto leaves to the user."""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

from emulator.clients import Clients
from emulator.context import Context
from emulator.endpoints.metric_math import MathError
from emulator.endpoints.series import values_of
from emulator.errors import invalid

_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

_LOG = logging.getLogger(__name__)


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
    return [alarm["AlarmName"] for alarm in _described(context, names) if _evaluated(context, alarm, 1.0)[0] == "ALARM"]


def triggers(context: Context, action: str, speed: float) -> list[float]:
    """For each alarm that is in the state ALARM and has this action: by how much its metric is beyond its threshold.

    Periods are `speed` times as short as the alarms say.
    """
    found = []
    for alarm in context.part(Clients).get("cloudwatch").describe_alarms(ActionPrefix=action)["MetricAlarms"]:
        if action in alarm["AlarmActions"] and alarm.get("ActionsEnabled", True):
            state, value = _evaluated(context, alarm, speed)
            if state == "ALARM":
                found.append(0.0 if value is None else value - alarm["Threshold"])
    return found


def _described(context: Context, names: Collection[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    found: list[dict[str, Any]] = context.part(Clients).get("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    return found


def _evaluated(context: Context, alarm: Mapping[str, Any], speed: float) -> tuple[str, float | None]:
    """An alarm's state by its metric's last values, else the one that was set last; and the latest value."""
    known: str = alarm["StateValue"]
    try:
        values = _filled(alarm, values_of(context, alarm, speed))
    except MathError as error:
        _LOG.warning("alarm %s: %s", alarm["AlarmName"], error)
        return known, None
    if not values:
        return known, None
    compare = _BREACHES[alarm["ComparisonOperator"]]
    needed = min(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods", 1), len(values))
    breaching = sum(compare(value, alarm["Threshold"]) for value in values)
    state = "ALARM" if breaching >= needed else "OK"
    if state != known:
        reason = f"Threshold {alarm['Threshold']}: {breaching} of the last {len(values)} values were beyond it"
        context.part(Clients).get("cloudwatch").set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason=reason)
    return state, values[0]


def _filled(alarm: Mapping[str, Any], values: list[float | None]) -> list[float]:
    """The values that count: a period without any is left out, or counts as the alarm says of missing data."""
    if all(value is None for value in values) or alarm.get("TreatMissingData", "missing") not in ("breaching", "notBreaching"):
        return [value for value in values if value is not None]
    above = alarm["ComparisonOperator"].startswith("GreaterThan")
    breaching = math.inf if above else -math.inf
    fill = breaching if alarm["TreatMissingData"] == "breaching" else -breaching
    return [fill if value is None else value for value in values]
