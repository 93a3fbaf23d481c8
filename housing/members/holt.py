"""Damped local trend (Holt 1957; Gardner and McKenzie 1985) of many series and many settings at once, gaps allowed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from housing.panel import Floats

_LEVEL = (0.1, 0.2, 0.35, 0.55, 0.8)
_GROWTH = (0.02, 0.06, 0.15, 0.35, 0.7)
_KEPT_AFTER_A_YEAR = (0.3, 0.6, 0.8, 0.95)
GRID: Floats = np.array(list(product(_LEVEL, _GROWTH, _KEPT_AFTER_A_YEAR)))
"""Settings (100, 3): how far the level follows an error, the growth as a share of that, what is left of a growth after a year."""


@dataclass(frozen=True)
class LocalTrend:
    """State after each period: level and growth of K settings for N series, (T, K, N); damping per period (K,)."""

    level: Floats
    growth: Floats
    damping: Floats

    @classmethod
    def of(cls, series: Floats, settings: Floats, season: int) -> LocalTrend:
        """Filter `series` (N, T); NaN is a gap, which moves the level by its growth alone. NaN before the first value."""
        level_gain, growth_share, kept = settings.T[:, :, None]
        damping = kept ** (1 / season)
        growth_gain = level_gain * growth_share
        count, length = series.shape
        levels, growths = np.empty((length, len(settings), count)), np.empty((length, len(settings), count))
        level, growth = np.full((len(settings), count), np.nan), np.zeros((len(settings), count))
        for t in range(length):
            seen = series[:, t]
            growth = damping * growth
            expected = level + growth
            error = np.nan_to_num(seen - expected)
            level = np.where(np.isnan(expected), seen, expected + level_gain * error)
            growth = growth + growth_gain * error
            levels[t], growths[t] = level, growth
        return cls(levels, growths, damping[:, 0])

    def ahead(self, step: int) -> Floats:
        """Forecast `step` periods after each period, (T, K, N)."""
        reach = sum(self.damping**s for s in range(1, step + 1))
        return self.level + np.asarray(reach)[:, None] * self.growth
