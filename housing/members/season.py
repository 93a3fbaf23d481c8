"""Season: what the local members take out of a series before they look at its level, and put back into the forecast."""

from __future__ import annotations

import numpy as np

from housing.features.market import Market
from housing.features.trend import Trend
from housing.panel import Floats, Panel

_OWN = 0.5
"""Share of a region's own seasonal factor; the rest is the market's: one region's prices are too noisy for a season alone."""


def seasonal_factors(panel: Panel, trend: Trend, horizon: int, market: Market) -> tuple[Floats, Floats]:
    """Seasonal factors as known at the end of the panel: of its periods (N, T), and of the next `horizon` (N, horizon)."""
    length, season = panel.price.shape[1], panel.season
    own = trend.seasonal(np.array([length - 1]), season)[:, 0]
    year = _OWN * own + (1 - _OWN) * market.season(panel.dates[-1:], season)
    return year[:, (np.arange(length) - length) % season], year[:, np.arange(horizon) % season]
