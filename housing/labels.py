"""What a price drawdown is: its definition, the depth at each period and the onset label.

Everything looks back only: gaps are carried forward, means and peaks trail. The label alone looks ahead, by exactly
`horizon` periods, and is NaN where that future was not observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from housing.errors import DataError, SettingsError
from housing.panel import Floats, Panel

PEAK_YEARS = 5
"""The default trailing window of the peak: 60 months or 20 quarters."""


@dataclass(frozen=True)
class DrawdownDefinition:
    """When a region's price counts as fallen.

    Attributes
    ----------
    threshold : depth below the trailing peak, a fraction in (0, 1): 0.05 is 5%.
    horizon : periods ahead within which an onset counts.
    peak_window : periods of the trailing peak, the current one included.
    smoothing : periods of the trailing mean that replaces the price; 1 takes the price as it is.
    deflator : national column by which prices are divided, or None for nominal prices.
    regions : the regions that are labelled, or None for all.
    """

    threshold: float
    horizon: int
    peak_window: int
    smoothing: int = 1
    deflator: str | None = None
    regions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise SettingsError(f"drawdown threshold: {self.threshold} is not between 0 and 1; 0.05 means 5%")
        for name in ("horizon", "peak_window", "smoothing"):
            if getattr(self, name) < 1:
                raise SettingsError(f"drawdown {name}: {getattr(self, name)} is not a number of periods; give 1 or more")

    @classmethod
    def default(cls, panel: Panel, threshold: float = 0.10, horizon: int | None = None) -> Self:
        """For a panel without a stated definition: the price as given, its five-year peak, one year ahead."""
        return cls(threshold, horizon or panel.season, PEAK_YEARS * panel.season)

    def at(self, threshold: float, horizon: int | None = None) -> Self:
        """The same definition at another threshold and horizon."""
        return replace(self, threshold=threshold, horizon=horizon or self.horizon)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"regions": None if self.regions is None else list(self.regions)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """From `to_json`; DataError on an absent or unknown key."""
        try:
            regions = facts.get("regions")
            return cls(**{**facts, "regions": None if regions is None else tuple(regions)})
        except TypeError as error:
            raise DataError(
                f"drawdown definition: {error}; keys are threshold, horizon, peak_window, smoothing, deflator, regions"
            ) from error


def drawdown_level(panel: Panel, definition: DrawdownDefinition) -> Floats:
    """The price whose peaks count, (N, T): carried over gaps, averaged over the trailing window, then deflated.

    A gap is filled by the last observation for at most half a year. The mean needs three quarters of its window.
    """
    level = trailing_mean(carry_forward(panel.price, panel.season // 2), definition.smoothing)
    if definition.deflator is None:
        return level
    if definition.deflator not in panel.national:
        raise DataError(f"deflator {definition.deflator}: not a national column; the panel has {sorted(panel.national)}")
    return level / carry_forward(panel.national[definition.deflator][None], panel.season // 2)


def drawdown_depth(panel: Panel, definition: DrawdownDefinition) -> Floats:
    """Level over its trailing peak, minus 1: (N, T), 0 at a peak, negative below it.

    NaN where there is no level, where mean and peak together see less than a year, and in regions that the
    definition leaves out.
    """
    level = drawdown_level(panel, definition)
    year = max(1, panel.season - definition.smoothing + 1)
    enough = window_count(level, definition.peak_window) >= min(year, definition.peak_window)
    depth = np.where(enough, level / trailing_peak(level, definition.peak_window) - 1, np.nan)
    if definition.regions is not None:
        chosen = set(definition.regions)
        depth[[name not in chosen for name in panel.regions]] = np.nan
    return depth


def onset_labels(panel: Panel, definition: DrawdownDefinition) -> Floats:
    """1 where a region that stands above -threshold at t falls to it within t+1..t+horizon, else 0: (N, T).

    NaN: already that deep at t (not at risk), depth unknown at t, or period t+horizon not observed.
    """
    depth = drawdown_depth(panel, definition)
    label = np.full(depth.shape, np.nan)
    length = depth.shape[1] - definition.horizon
    if length <= 0:
        return label
    worst = depth[:, 1 : length + 1].copy()
    for step in range(2, definition.horizon + 1):
        np.fmin(worst, depth[:, step : step + length], out=worst)
    at_risk = depth[:, :length] > -definition.threshold
    known = at_risk & np.isfinite(depth[:, definition.horizon :])
    label[:, :length] = np.where(known, worst <= -definition.threshold, np.nan)
    return label


def carry_forward(values: Floats, limit: int) -> Floats:
    """NaN replaced by the last observation, at most `limit` periods old: (N, T) -> (N, T)."""
    columns = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(np.isfinite(values), columns, -1), axis=1)
    usable = (last >= 0) & (columns - last <= limit)
    return np.where(usable, np.take_along_axis(values, np.maximum(last, 0), axis=1), np.nan)


def trailing_mean(values: Floats, window: int) -> Floats:
    """Mean of the observations in the last `window` columns, NaN where fewer than three quarters of them are there."""
    if window == 1:
        return values
    observed = np.isfinite(values)
    total = np.zeros_like(values)
    for lag in range(min(window, values.shape[1])):
        total[:, lag:] += np.where(observed, values, 0.0)[:, : values.shape[1] - lag]
    count = window_count(values, window)
    return np.where(count >= np.ceil(0.75 * window), total / np.maximum(count, 1), np.nan)


def trailing_peak(values: Floats, window: int) -> Floats:
    """Largest observation in the last `window` columns, NaN where there is none."""
    peak, span = values.copy(), 1
    while span < window:
        # Two windows of `span` that lie `step` apart make one of span + step: log2(window) passes.
        step = min(span, window - span)
        peak[:, step:] = np.fmax(peak[:, step:], peak[:, :-step])
        span += step
    return peak


def window_count(values: Floats, window: int) -> Floats:
    """Number of observations in the last `window` columns."""
    count = np.cumsum(np.isfinite(values), axis=1, dtype=np.float64)
    count[:, window:] -= count[:, :-window].copy()
    return count
