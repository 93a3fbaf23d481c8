"""The feature engine: the function that builds a training row builds the serving row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from housing.features.block import Collector, Columns, FeatureBlock, Features
from housing.features.market import Market
from housing.features.own import own_features
from housing.features.regions import blocks
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
    return assemble(panel, trend, columns, market or Market.of(panel, trend))


def assemble(panel: Panel, trend: Trend, columns: Columns, market: Market) -> FeatureBlock:
    """`build_features` from parts that the caller already has."""
    means = market.means_at(panel.dates[columns])
    whole = np.empty((0, 0, 0), dtype=np.float32)
    for rows in blocks(len(panel.regions)):
        features = own_features(panel, trend, columns, rows)
        _add_market(features, means)
        if not rows.start:
            whole = np.empty((len(panel.regions), len(columns), len(features.names)), dtype=np.float32)
        whole[rows] = features.stacked()
    return FeatureBlock(whole, tuple(features.names), tuple(features.groups))


def _add_market(features: Collector, means: Mapping[str, Features]) -> None:
    """The mean of all regions, and how far each region is from it."""
    for name, values in list(zip(features.names, features.values, strict=True)):
        if name in means:
            features.append("market", f"market_{name}", means[name])
            features.append("market", f"{name}_over_market", values - means[name])
