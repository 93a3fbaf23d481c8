"""The values of the metrics that policies track."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.clients import Clients
from emulator.context import Context
from emulator.endpoints.load import Loads, Reading
from emulator.endpoints.scaling.registry import Target

INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
CONCURRENCY = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
MINUTE = 60.0
_PERIODS = {INVOCATIONS: MINUTE, CONCURRENCY: 10.0}


class UntrackableError(Exception):
    """A policy tracks what this emulator does not measure; one line."""


def period_of(policy: Mapping[str, Any]) -> float:
    """How many seconds the values of a policy's metric lie apart.

    Raises
    ------
    UntrackableError
        When the metric is not one that is measured here.
    """
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    predefined = settings.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if predefined is None:
        if "MetricName" not in settings.get("CustomizedMetricSpecification", {}):
            raise UntrackableError(f"policy {policy['PolicyName']}: metric math is not evaluated: name one metric")
        return MINUTE
    if predefined not in _PERIODS:
        raise UntrackableError(f"policy {policy['PolicyName']}: {predefined} is not measured: use {INVOCATIONS} or {CONCURRENCY}")
    return _PERIODS[predefined]


class Signals:
    """Takes the latest value of a metric, once per period. Not from the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._before: dict[str, Reading] = {}

    def value(self, policy: Mapping[str, Any], target: Target, count: int, seconds: float) -> float | None:
        """The metric's value over the last `seconds`, for a variant of `count` instances; None when there is none yet."""
        settings = policy["TargetTrackingScalingPolicyConfiguration"]
        predefined = settings.get("PredefinedMetricSpecification")
        if predefined is None:
            return self._custom(settings["CustomizedMetricSpecification"], seconds)
        now = self._context.part(Loads).of(target.endpoint, target.variant).read()
        before = self._before.get(policy["PolicyARN"])
        self._before[policy["PolicyARN"]] = now
        if before is None or now.at <= before.at:
            return None
        if predefined["PredefinedMetricType"] == CONCURRENCY:
            return (now.busy_seconds - before.busy_seconds) / (now.at - before.at) / max(1, count)
        return (now.invocations - before.invocations) / (now.at - before.at) * MINUTE / max(1, count)

    def _custom(self, metric: Mapping[str, Any], seconds: float) -> float | None:
        now = datetime.now(UTC)
        statistic = metric["Statistic"]
        answer = (
            self._context.part(Clients)
            .get("cloudwatch")
            .get_metric_statistics(
                Namespace=metric["Namespace"],
                MetricName=metric["MetricName"],
                Dimensions=metric.get("Dimensions", []),
                StartTime=now - timedelta(seconds=max(seconds, 1)),
                EndTime=now + timedelta(seconds=1),
                Period=max(60, round(seconds)),
                Statistics=[statistic],
            )
        )
        return answer["Datapoints"][-1][statistic] if answer["Datapoints"] else None
