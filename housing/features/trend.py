"""Level, season and noise of each region at each column: what a price path is measured from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing.features.windows import forward_fill, lag, trailing_mean, trailing_std
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
    log_price : (N, T), forward-filled.
    level : (N, T), mean of the last year.
    deviation : (N, T), log price less level, NaN where not observed.
    noise : (N, T), standard deviation of what a year-old deviation does not explain, floored; the panel's unit of surprise.
    season : periods per year.
    """

    log_price: Floats
    level: Floats
    deviation: Floats
    noise: Floats
    season: int

    @classmethod
    def of(cls, panel: Panel) -> Self:
        observed = panel.log_price
        season = panel.season
        level = forward_fill(trailing_mean(observed, season))
        deviation = observed - level
        noise = trailing_std(deviation - lag(deviation, season), _NOISE_YEARS * season, minimum=season // 2)
        early = trailing_std(np.diff(observed, axis=1, prepend=np.nan), _NOISE_YEARS * season, minimum=2)
        noise = forward_fill(np.where(np.isnan(noise), early, noise))
        noise = np.maximum(np.where(np.isnan(noise), _NOISE_FLOOR, noise), _NOISE_FLOOR)
        return cls(forward_fill(observed), level, deviation, noise, season)

    def seasonal(self, columns: npt.NDArray[np.int64], horizon: int) -> Floats:
        """Own seasonal factor of each target period, (N, len(columns), horizon): mean deviation of that period of the year
        over the last years, less the mean deviation of all periods; 0 where it was never seen."""
        span = SEASON_YEARS * self.season
        overall = trailing_mean(self.deviation, span)
        factor = np.zeros((len(self.level), len(columns), horizon))
        for step in range(1, horizon + 1):
            back = -(-step // self.season)
            same = np.stack([self._at(columns + step - (back + year) * self.season) for year in range(SEASON_YEARS)])
            count = (~np.isnan(same)).sum(axis=0)
            total = np.where(np.isnan(same), 0.0, same).sum(axis=0)
            # One year's deviation is mostly noise: shrink as if one more year had shown none.
            factor[:, :, step - 1] = np.where(count > 0, total - count * overall[:, columns], 0.0) / (count + 1.0)
        return np.nan_to_num(factor)

    def _at(self, columns: npt.NDArray[np.int64]) -> Floats:
        taken = self.deviation[:, np.clip(columns, 0, None)]
        return np.where(columns >= 0, taken, np.nan)
