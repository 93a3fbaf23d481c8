"""Market: what the regions of a panel have in common at each date. It gives the features of one region their cross-section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from housing.features.block import FROM_PRICE, Columns, Features
from housing.features.own import own_features
from housing.features.trend import Trend
from housing.panel import Floats, Months, Panel

SHARED = ("growth_3m", "growth_6m", "growth_12m", "growth_24m", "acceleration_12m", "level_from_3y_mean")
"""Price features whose cross-section is a feature; of a covariate it is the change over a year."""
_SHARED_ENDINGS = ("_year_yoy", "_from_3y_mean")


@dataclass(frozen=True)
class Market:
    """The cross-section of a panel, by date.

    Attributes
    ----------
    dates : datetime64[M] (T,), the panel's calendar.
    means : feature name -> float32 (T,), mean over the regions where it was known.
    seasonal : float64 (T, H), mean over regions of the seasonal factor of each period after the date.
    """

    dates: Months
    means: dict[str, Features]
    seasonal: Floats

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """The market that the regions of `panel` form."""
        trend = Trend.of(panel)
        columns = np.arange(len(panel.dates))
        block = own_features(panel, trend, columns)
        chosen = [i for i, name in enumerate(block.names) if _is_shared(name, block.groups[i])]
        means = {block.names[i]: _mean(block.values[:, :, i]) for i in chosen}
        return cls(panel.dates, means, trend.seasonal(columns, panel.season).mean(axis=0))

    def columns(self, dates: Months) -> Columns:
        """Column of the market at each date: the newest not after it, -1 before the market began."""
        return np.searchsorted(self.dates, dates, side="right").astype(np.int64) - 1

    def mean(self, name: str, dates: Months) -> Features:
        """Cross-section mean of a feature at each date, NaN before the market began or where it has no such feature."""
        columns = self.columns(dates)
        if name not in self.means:
            return np.full(len(dates), np.nan, dtype=np.float32)
        return np.where(columns >= 0, self.means[name][columns], np.float32(np.nan))

    def season(self, dates: Months, horizon: int) -> Floats:
        """Mean seasonal factor of each of the `horizon` periods after each date, (len(dates), horizon)."""
        columns = self.columns(dates)
        steps = np.arange(horizon) % self.seasonal.shape[1]
        return np.where(columns[:, None] >= 0, self.seasonal[columns][:, steps], 0.0)


def _is_shared(name: str, group: str) -> bool:
    return name in SHARED or (group not in FROM_PRICE and name.endswith(_SHARED_ENDINGS))


def _mean(values: Features) -> Features:
    seen = ~np.isnan(values)
    count = seen.sum(axis=0)
    total = np.where(seen, values, np.float32(0)).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
