"""The two numbers that a training job reports about its backtest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from housing.backtest import Backtest
from housing.forecast import QUANTILES
from housing.metrics.quantiles import region_origin_mean, score_cells
from housing.panel import Panel
from training.plan import Plan


def validation_scores(panel: Panel, backtest: Backtest, plan: Plan) -> tuple[float, float]:
    """Scaled quantile loss of the best member at the scored origins, and the coverage of its 80% interval."""
    return scores_at(panel, backtest, plan.scored_columns(panel))


def scores_at(panel: Panel, backtest: Backtest, columns: Iterable[int]) -> tuple[float, float]:
    """The same at some origins of the backtest."""
    scored = backtest.select_origins(columns)
    best = (float("inf"), float("nan"))
    for values in scored.values.values():
        cells = score_cells(panel.price, [int(o) for o in scored.origins], values, QUANTILES, panel.season)
        means = region_origin_mean(cells.scaled_loss)
        if np.isfinite(means).any():
            best = min(best, (float(np.nanmean(means)), float(np.nanmean(cells.covered))))
    return best
