"""Rows of a pooled model: one per region, origin and step ahead, with the target measured from a base path.

target = (log price at t + h - base) / noise, base = level of the last year + seasonal factor of the target's period.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

import numpy as np
import numpy.typing as npt

from housing.features.block import Columns, FeatureBlock, Features
from housing.features.engine import assemble
from housing.features.market import Market
from housing.features.trend import Trend
from housing.panel import Floats, Panel

STEP_FEATURES = ("step_years", "target_period", "own_season_in_noise", "market_season_in_noise")
_OWN_SEASON = 0.5
"""Share of a region's own seasonal factor; the rest is the market's."""


@dataclass(frozen=True)
class RowSource:
    """Everything from which rows of a panel are cut.

    Attributes
    ----------
    block : features (N, C, F) at the C columns.
    steps : float32 (N, C, H, 4), `STEP_FEATURES`: those that depend on the step ahead.
    base : float64 (N, C, H), log price.
    noise : float64 (N, C), log price.
    columns : int64 (C,).
    """

    block: FeatureBlock
    steps: Features
    base: Floats
    noise: Floats
    columns: Columns

    @classmethod
    def of(cls, panel: Panel, columns: Columns, horizon: int, market: Market | None = None) -> RowSource:
        """Rows of `panel` at `columns`; `market` as in `build_features`.

        The rows of one origin are kept until others are asked for: the members of an ensemble want the same ones in turn.
        """
        if len(columns) > 1:
            return cls._of(panel, columns, horizon, market)
        kept = _Last.kept
        if kept is None or not kept.are(panel, int(columns[0]), horizon, market):
            kept = _Last.kept = _Kept(ref(panel), int(columns[0]), horizon, market, cls._of(panel, columns, horizon, market))
        return kept.rows

    @classmethod
    def _of(cls, panel: Panel, columns: Columns, horizon: int, market: Market | None) -> RowSource:
        trend = Trend.of(panel)
        market = market or Market.of(panel, trend)
        own = trend.seasonal(columns, horizon)
        shared = np.broadcast_to(market.season(panel.dates[columns], horizon), own.shape)
        noise = trend.noise[:, columns]
        base = trend.level[:, columns, None] + _OWN_SEASON * own + (1 - _OWN_SEASON) * shared
        ahead = np.arange(1, horizon + 1)
        months = panel.dates[columns].astype("datetime64[M]").astype(np.int64)[:, None] + ahead * panel.months_per_period
        steps = np.stack(
            [
                np.broadcast_to(ahead / panel.season, own.shape),
                np.broadcast_to(months % 12, own.shape),
                own / noise[..., None],
                shared / noise[..., None],
            ],
            axis=-1,
        )
        return cls(assemble(panel, trend, columns, market), steps.astype(np.float32), base, noise, columns)

    def matrix(self, names: tuple[str, ...], rows: npt.NDArray[np.int64] | None = None) -> Features:
        """Features (R, len(names) + 4) of the rows, by their flat index over (N, C, H); None takes all."""
        index = np.arange(self.base.size) if rows is None else rows
        region, column, step = np.unravel_index(index, self.base.shape)
        return np.concatenate([self.block.arranged(names)[region, column], self.steps[region, column, step]], axis=1)

    def target(self, panel: Panel) -> Floats:
        """(log price - base) / noise of every row, (N, C, H); NaN where that price is not observed yet."""
        ahead = self.columns[:, None] + np.arange(1, self.base.shape[2] + 1)
        known = ahead < len(panel.dates)
        price = np.where(known, panel.log_price[:, np.minimum(ahead, len(panel.dates) - 1)], np.nan)
        target: Floats = (price - self.base) / self.noise[..., None]
        return target

    def restore(self, target: Floats) -> Floats:
        """Log prices (N, C, H, Q) from targets (R, Q) of all rows, ascending along Q."""
        shape = (*self.base.shape, target.shape[-1])
        paths: Floats = self.base[..., None] + self.noise[..., None, None] * np.sort(target.reshape(shape), axis=-1)
        return paths


@dataclass(frozen=True)
class _Kept:
    panel: ref[Panel]
    column: int
    horizon: int
    market: Market | None
    rows: RowSource

    def are(self, panel: Panel, column: int, horizon: int, market: Market | None) -> bool:
        return self.panel() is panel and self.market is market and (self.column, self.horizon) == (column, horizon)


class _Last:
    kept: _Kept | None = None
