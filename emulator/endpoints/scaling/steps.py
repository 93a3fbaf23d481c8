"""Step scaling: how far the count moves when an alarm goes off, by how far the metric is beyond the alarm's threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def adjusted(policy: Mapping[str, Any], count: int, breach: float) -> int:
    """The count after one adjustment of a StepScalingPolicyConfiguration.

    Parameters
    ----------
    policy
        The configuration.
    count
        The instances now.
    breach
        The metric's value less the alarm's threshold.
    """
    for step in policy.get("StepAdjustments", []):
        low, high = step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf)
        # a bound belongs to the step that is farther from the threshold
        inside = low <= breach < high if breach >= 0 else low < breach <= high
        if inside:
            return max(0, _moved(policy, count, int(step["ScalingAdjustment"])))
    return count


def _moved(policy: Mapping[str, Any], count: int, adjustment: int) -> int:
    match policy.get("AdjustmentType", "ChangeInCapacity"):
        case "ExactCapacity":
            return adjustment
        case "PercentChangeInCapacity":
            exact = count * adjustment / 100
            change = math.floor(abs(exact)) if abs(exact) > 1 else math.ceil(abs(exact))
            change = max(change, int(policy.get("MinAdjustmentMagnitude", 0)))
            return count + (change if adjustment > 0 else -change)
        case _:
            return count + adjustment
