"""Level, season and noise of each region at each column: what a price path is measured from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing.features.regions import blocks, by_column, part
from housing.features.windows import change, forward_fill, trailing_mean, trailing_std
from housing.panel import Floats, Panel

SEASON_YEARS = 5
"""Years of the same month that a seasonal factor averages."""
_NOISE_YEARS = 5
_NOISE_FLOOR = 1e-3


@dataclass(frozen=True)
class Trend:
    """Trailing estimates at every column of a panel, all from the log price up to that column.

    Attributes
    ----------
    observed : (N, T), log price, NaN where not observed.
    level : (N, T), mean of the last year.
    deviation : (N, T), log price less level, NaN where not observed.
    noise : (N, T), standard deviation of what a year-old deviation does not explain, floored; the panel's unit of surprise.
    season : periods per year.
    """

    observed: Floats
    level: Floats
    deviation: Floats
    noise: Floats
    season: int

    @classmethod
    def of(cls, panel: Panel) -> Self:
        observed, level, deviation, noise = (np.empty(panel.price.shape) for _ in range(4))
        for rows in blocks(len(panel.regions)):
            observed[rows], level[rows], deviation[rows], noise[rows] = _estimates(part(panel, rows))
        return cls(observed, level, deviation, noise, panel.season)

    def part(self, rows: slice) -> Trend:
        """The trend of some regions, its arrays in Fortran order."""
        observed, level, deviation, noise = (by_column(a, rows) for a in (self.observed, self.level, self.deviation, self.noise))
        return Trend(observed, level, deviation, noise, self.season)

    def seasonal(self, columns: npt.NDArray[np.int64], horizon: int) -> Floats:
        """Own seasonal factor of each target period, (N, len(columns), horizon): mean deviation of that period of the year
        over the last years, less the mean deviation of all periods; 0 where it was never seen."""
        overall = trailing_mean(self.deviation, SEASON_YEARS * self.season)[:, columns, None]
        total, count = self._of_same_period()
        ahead = np.arange(1, horizon + 1)
        newest = columns[:, None] + ahead - -(-ahead // self.season) * self.season
        # Column 0 stands for every period before the panel.
        index = np.maximum(newest, -1) + 1
        seen = count[:, index]
        # One year's deviation is mostly noise: shrink as if one more year had shown none.
        factor = np.where(seen > 0, total[:, index] - seen * overall, 0.0) / (seen + 1.0)
        return np.nan_to_num(factor, copy=False)

    def _of_same_period(self) -> tuple[Floats, Floats]:
        """Sum and number of the deviations of each column's period of the year over the last years, (N, 1 + T); 0 in column 0."""
        seen = ~np.isnan(self.deviation)
        shape = (len(self.level), 1 + self.level.shape[1])
        total, count = np.zeros(shape), np.zeros(shape)
        total[:, 1:], count[:, 1:] = np.where(seen, self.deviation, 0.0), seen
        once, single = total.copy(), count.copy()
        for back in range(self.season, min(SEASON_YEARS * self.season, shape[1]), self.season):
            total[:, back:] += once[:, :-back]
            count[:, back:] += single[:, :-back]
        return total, count


def _estimates(panel: Panel) -> tuple[Floats, Floats, Floats, Floats]:
    """Log price, level, deviation and noise of some regions, each (N, T)."""
    season, observed = panel.season, panel.log_price
    level = forward_fill(trailing_mean(observed, season))
    deviation = observed - level
    span = _NOISE_YEARS * season
    noise = trailing_std(change(deviation, season), span, minimum=season // 2)
    unknown = np.isnan(noise)
    columns = np.flatnonzero(unknown.any(axis=0))
    if len(columns):
        end = columns[-1] + 1
        early = trailing_std(change(observed[:, :end], 1), span, minimum=2)
        np.copyto(noise[:, :end], early, where=unknown[:, :end])
    noise = forward_fill(noise)
    noise = np.maximum(np.where(np.isnan(noise), _NOISE_FLOOR, noise), _NOISE_FLOOR)
    return observed, level, deviation, noise
