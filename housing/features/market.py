"""Market: what the regions of a panel have in common at each date. It gives the features of one region their cross-section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing.errors import DataError
from housing.features.block import FROM_PRICE, Columns, Features
from housing.features.own import own_features
from housing.features.regions import blocks
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
    def of(cls, panel: Panel, trend: Trend | None = None) -> Self:
        """The market that the regions of `panel` form; `trend` is that of the panel, where the caller has it."""
        trend = trend or Trend.of(panel)
        columns = np.arange(len(panel.dates))
        means: dict[str, _Mean] = {}
        seasonal = _Mean()
        for rows in blocks(len(panel.regions)):
            own = own_features(panel, trend, columns, rows)
            for name, group, values in zip(own.names, own.groups, own.values, strict=True):
                if _is_shared(name, group):
                    means.setdefault(name, _Mean()).add(values)
            seasonal.add(trend.part(rows).seasonal(columns, panel.season))
        return cls(panel.dates, {name: mean.value().astype(np.float32) for name, mean in means.items()}, seasonal.value())

    def columns(self, dates: Months) -> Columns:
        """Column of the market at each date: the newest not after it, -1 before the market began."""
        return np.searchsorted(self.dates, dates, side="right").astype(np.int64) - 1

    def means_at(self, dates: Months) -> dict[str, Features]:
        """Cross-section mean of each shared feature at each date, NaN before the market began."""
        columns = self.columns(dates)
        return {name: np.where(columns >= 0, mean[columns], np.float32(np.nan)) for name, mean in self.means.items()}

    def season(self, dates: Months, horizon: int) -> Floats:
        """Mean seasonal factor of each of the `horizon` periods after each date, (len(dates), horizon)."""
        columns = self.columns(dates)
        steps = np.arange(horizon) % self.seasonal.shape[1]
        return np.where(columns[:, None] >= 0, self.seasonal[columns][:, steps], 0.0)


def _is_shared(name: str, group: str) -> bool:
    return name in SHARED or (group not in FROM_PRICE and name.endswith(_SHARED_ENDINGS))


class _Mean:
    """Mean over the regions where a value was known, region after region: however many lie in a block, the bits are the same."""

    def __init__(self) -> None:
        self._total: Floats | None = None
        self._count: npt.NDArray[np.int64] | int = 0

    def add(self, values: Floats | Features) -> None:
        """The next regions: values (N, ...)."""
        seen = ~np.isnan(values)
        known = np.zeros((len(values) + 1, *values.shape[1:]))
        np.copyto(known[1:], values, where=seen)
        if self._total is not None:
            known[0] = self._total
        self._total = known.sum(axis=0)
        self._count = self._count + seen.sum(axis=0)

    def value(self) -> Floats:
        """The mean so far, NaN where nothing was known."""
        if self._total is None:
            raise DataError("market: no region")
        return np.where(self._count > 0, self._total / np.maximum(self._count, 1), np.nan)
