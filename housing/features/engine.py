"""The feature engine: the function that builds a training row builds the serving row."""

from __future__ import annotations

import numpy as np

from housing.features.block import Columns, FeatureBlock
from housing.features.market import Market
from housing.features.own import own_features
from housing.features.trend import Trend
from housing.panel import Panel


def build_features(panel: Panel, origins: Columns | slice | None = None, market: Market | None = None) -> FeatureBlock:
    """Features of every region at the columns `origins` (default: all).

    A row at column t uses prices up to t and each covariate up to t less its publication lag, in training and in
    serving alike. `market` supplies the cross-section (default: the regions of `panel` themselves); dates after its end
    take its last column. Returns float32 (N, len(origins), F).
    """
    columns = np.arange(len(panel.dates))[slice(None) if origins is None else origins]
    trend = Trend.of(panel)
    return assemble(panel, trend, columns, market or Market.of(panel))


def assemble(panel: Panel, trend: Trend, columns: Columns, market: Market) -> FeatureBlock:
    """`build_features` from parts that the caller already has."""
    own = own_features(panel, trend, columns)
    dates = panel.dates[columns]
    extra = []
    names: list[str] = []
    for i, name in enumerate(own.names):
        if name in market.means:
            mean = market.mean(name, dates)
            extra += [np.broadcast_to(mean, own.values.shape[:2]), own.values[:, :, i] - mean]
            names += [f"market_{name}", f"{name}_over_market"]
    if not names:
        return own
    values = np.concatenate([own.values, np.stack(extra, axis=-1)], axis=-1)
    return FeatureBlock(values, own.names + tuple(names), own.groups + ("market",) * len(names))
