"""What the drawdown head sees of a panel: the level whose peaks count, its recent course, its noise, the market's course.

Every signal at column t uses columns up to t alone, and a covariate only as old as its publication lag makes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from housing.crisis.market import Market
from housing.labels import DrawdownDefinition, carry_forward, drawdown_depth, drawdown_level, trailing_mean, trailing_peak
from housing.panel import Floats, Panel

NOISE_HALFLIFE_YEARS = 0.5
"""Memory of the noise measure: short, so that an index that has become less noisy is believed at once."""

OWN_NOISE_SHARE = 1 / 3
"""Weight, in logs, of a region's own noise against the cross-section's median."""

_ABSOLUTE_TO_DEVIATION = 1.2533  # mean |x| of a normal variable is its deviation / 1.2533
_SMALLEST_NOISE = 1e-4


@dataclass(frozen=True)
class Signals:
    """Signals of N regions at T periods.

    Attributes
    ----------
    level : (N, T) log of the smoothed, deflated price.
    depth : (N, T) level over its trailing peak, minus 1.
    columns : name -> (N, T) predictors that do not depend on the step ahead; NaN is unknown.
    noise : (N, T) scale of the unpredictable part of a quarter's growth.
    season : periods per year.
    peak_window : periods of the trailing peak.
    market : the cross-section's course, from which the `market` columns and the noise are made.
    """

    level: Floats
    depth: Floats
    columns: dict[str, Floats]
    noise: Floats
    season: int
    peak_window: int
    market: Market

    def last_year(self, step: int) -> Floats:
        """Log growth over the same `step` periods a year (or more, past one year) earlier: the season's part. (N, T)."""
        years = -(-step // self.season) * self.season
        return lagged(self.level, years - step) - lagged(self.level, years)

    def standing(self, step: int) -> Floats:
        """Log depth `step` periods ahead if the level stood still: peaks that leave the window by then no longer count. (N, T')."""
        peak = trailing_peak(self.level, self.peak_window - step) if step < self.peak_window else self.level
        return (self.level - peak)[:, -self.depth.shape[1] :]

    def future(self, step: int) -> Floats:
        """Log growth over the next `step` periods, NaN where not observed: (N, T)."""
        ahead = np.full_like(self.level, np.nan)
        ahead[:, :-step] = self.level[:, step:]
        return ahead - self.level

    def newest(self) -> Signals:
        """The last column, for a prediction: every array (N, 1), but the level, which looks back."""
        columns = {name: values[:, -1:] for name, values in self.columns.items()}
        return replace(self, depth=self.depth[:, -1:], columns=columns, noise=self.noise[:, -1:])


def build_signals(panel: Panel, definition: DrawdownDefinition, market: Market | None = None) -> Signals:
    """Signals of `panel`; with `market`, the cross-section's course of the fit where the dates agree."""
    everywhere = replace(definition, regions=None)
    level = np.log(drawdown_level(panel, everywhere))
    quarter, season = panel.season // 4, panel.season
    year = growth(level, season)
    half = year - lagged(year, 2 * quarter)
    own_noise = _noise(level, quarter, season)
    labelled = _labelled(panel, definition)
    course = Market(panel.dates, _mean(year[labelled]), _mean(half[labelled]), _median(own_noise[labelled]), int(labelled.sum()))
    if market is not None:
        course = market.or_else(course)
    columns = {
        "growth.year": year,
        "growth.year_before": lagged(year, season),
        "turn.quarter": year - lagged(year, quarter),
        "turn.half": half,
        "market.growth": np.broadcast_to(course.growth, level.shape),
        "market.turn": np.broadcast_to(course.turn, level.shape),
    }
    columns |= {f"covariate.{name}": _covariate(values, panel.lags.get(name, 0), season) for name, values in panel.covariates.items()}
    noise = np.maximum(course.noise * (own_noise / course.noise) ** OWN_NOISE_SHARE, _SMALLEST_NOISE)
    return Signals(level, drawdown_depth(panel, everywhere), columns, noise, season, definition.peak_window, course)


def with_deflator_to_date(panel: Panel, definition: DrawdownDefinition) -> Panel:
    """The panel with its deflator carried on to the last column at the pace of the last year.

    Holding the last published value instead would make the newest real prices too high by the inflation since.
    """
    name = definition.deflator
    if name is None or name not in panel.national:
        return panel
    values = panel.national[name]
    known = np.flatnonzero(np.isfinite(values))
    earlier = known[known <= (known[-1] if len(known) else 0) - panel.season]
    if not len(earlier) or known[-1] == len(values) - 1:
        return panel
    last, before = int(known[-1]), int(earlier[-1])
    pace = np.log(values[last] / values[before]) / (last - before)
    onward = values[last] * np.exp(pace * np.arange(1, len(values) - last))
    return replace(panel, national={**panel.national, name: np.concatenate([values[: last + 1], onward])})


def lagged(values: Floats, periods: int) -> Floats:
    """Values as they stood `periods` ago, NaN before the beginning: (N, T) -> (N, T)."""
    if periods == 0:
        return values
    past = np.full_like(values, np.nan)
    past[:, periods:] = values[:, :-periods]
    return past


def growth(level: Floats, periods: int) -> Floats:
    """Log growth over the last `periods`: (N, T)."""
    return level - lagged(level, periods)


def _covariate(values: Floats, lag: int, season: int) -> Floats:
    """Change over a year of what was known at each period, quarter-averaged; in logs where a log can be taken, clipped to 1."""
    known = trailing_mean(carry_forward(lagged(values, lag), season // 2), max(season // 4, 1))
    positive = bool(np.all(values[np.isfinite(values)] > 0))
    return np.clip(growth(np.log(known) if positive else known, season), -1, 1)


def _noise(level: Floats, quarter: int, season: int) -> Floats:
    """Exponentially weighted mean of |this quarter's growth - the same quarter's a year ago|, as a deviation: (N, T)."""
    quarterly = growth(level, quarter)
    change = np.abs(quarterly - lagged(quarterly, season))
    keep = 0.5 ** (1 / (NOISE_HALFLIFE_YEARS * season))
    here = np.isfinite(change)
    sums = np.stack([np.where(here, change, 0.0), here.astype(np.float64)]).T.copy()
    for t in range(1, len(sums)):
        sums[t] += keep * sums[t - 1]
    total, weight = sums.T
    noise = np.where(here & (here.cumsum(axis=1) >= 2 * quarter), total / np.maximum(weight, 1e-12), np.nan)
    return np.maximum(_ABSOLUTE_TO_DEVIATION * noise, _SMALLEST_NOISE)


def _labelled(panel: Panel, definition: DrawdownDefinition) -> np.ndarray:
    """Rows that the definition labels; all of them where it names none that the panel has."""
    chosen = set(definition.regions or panel.regions)
    rows = np.array([name in chosen for name in panel.regions])
    return rows if rows.any() else ~rows


def _mean(values: Floats) -> Floats:
    """Mean over the regions that have a value, NaN where none has: (N, T) -> (T,)."""
    seen = np.isfinite(values)
    total = np.where(seen, values, 0.0).sum(0)
    return np.where(seen.any(0), total / np.maximum(seen.sum(0), 1), np.nan)


def _median(values: Floats) -> Floats:
    """Median over the regions that have a value, NaN where none has: (N, T) -> (T,)."""
    middle = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(0)
    middle[some] = np.nanmedian(values[:, some], axis=0)
    return middle
