"""Target tracking: how many instances a variant should have for a metric to be at its target, and when that may be acted on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

# the alarms that the service makes for a policy: three periods above the target, a quarter of an hour below 90% of it
PERIODS_ABOVE, SECONDS_BELOW = 3, 900.0
_LOW_SHARE = 0.9


@dataclass(frozen=True)
class Tracking:
    """What a policy wants of the scaler.

    Parameters
    ----------
    target
        The value of the metric to keep.
    period_seconds
        How far the metric's values lie apart.
    scales_in
        Whether the policy may take instances away.
    """

    target: float
    period_seconds: float
    scales_in: bool = True

    @property
    def periods_below(self) -> int:
        """So many values must lie low before instances are taken away."""
        return max(1, round(SECONDS_BELOW / self.period_seconds))


def wanted(tracking: Tracking, values: Sequence[float | None], count: int) -> int:
    """The count that brings the metric to its target, when its latest values call for another than `count`.

    Parameters
    ----------
    tracking
        The policy.
    values
        The metric's values per instance, one for each period, the latest last; None where there was none.
    count
        The instances now.
    """
    above = values[-PERIODS_ABOVE:]
    if len(above) == PERIODS_ABOVE and all(value is not None and value > tracking.target for value in above):
        return max(count, math.ceil(count * (above[-1] or 0.0) / tracking.target - 1e-9))
    below = values[-tracking.periods_below :]
    low = _LOW_SHARE * tracking.target
    if tracking.scales_in and len(below) == tracking.periods_below and all(value is not None and value < low for value in below):
        highest = max(value or 0.0 for value in below)
        return min(count, math.ceil(count * highest / tracking.target - 1e-9))
    return count


@dataclass
class Cooldown:
    """How long after a change another waits, by a clock that runs as fast as the scaler.

    A wait after an addition does not hold back a larger one, and an addition never waits for what was taken away.
    """

    out_seconds: float = 300.0
    in_seconds: float = 300.0
    out_until: float = field(default=0.0, init=False)
    in_until: float = field(default=0.0, init=False)
    out_to: int = field(default=0, init=False)

    def allows(self, count: int, desired: int, now: float) -> bool:
        """Whether the change may be made now."""
        if desired > count:
            return now >= self.out_until or desired > self.out_to
        return now >= self.in_until and now >= self.out_until

    def changed(self, count: int, desired: int, now: float) -> None:
        """A change was made."""
        if desired > count:
            self.out_until, self.out_to = now + self.out_seconds, desired
        else:
            self.in_until = now + self.in_seconds


@dataclass
class History:
    """The values of a policy's metric, one for each period until a time."""

    until: float
    loads: deque[float | None] = field(default_factory=lambda: deque(maxlen=180))
