"""How the errors of a forecast go together from one step ahead to the next, estimated from a backtest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from housing.backtest import Backtest
from housing.crisis.paths import SCORES, walk_correlation
from housing.ensemble import actual_log_price, walk_forward
from housing.panel import Floats, Panel

DEFAULT_MEMORY = 0.8
FEWEST_PAIRS = 30
_LARGEST_SCORE = 4.0


def combined_paths(panel: Panel, backtest: Backtest) -> Floats:
    """The ensemble's forecast at every origin of `backtest`, from what was known there: (O, N, H, 9)."""
    stored = backtest.values.get("ensemble")
    return walk_forward(panel, backtest) if stored is None else stored.astype(np.float64)


def estimate_memory(panel: Panel, origins: Sequence[int], paths: Floats) -> float:
    """`memory` of `housing.crisis.paths`: least squares of the errors' correlations on those of a random walk, in [0, 1].

    paths : (O, N, H, 9) forecasts of the log price from `origins`. Only errors that `panel`, which ends at the origin, has
    seen are used; 0.8 where too few are known.
    """
    if not origins:
        return DEFAULT_MEMORY
    horizon = paths.shape[2]
    scores = error_scores(paths, actual_log_price(panel, origins, horizon)).reshape(-1, horizon)
    known = np.isfinite(scores).astype(np.float64)
    filled = np.where(known > 0, scores, 0.0)
    power = np.sqrt(np.maximum((filled**2).T @ known * (known.T @ filled**2), 1e-12))
    correlation, walk = filled.T @ filled / power, walk_correlation(horizon)
    pairs = (known.T @ known >= FEWEST_PAIRS) & ~np.eye(horizon, dtype=bool)
    if not pairs.any():
        return DEFAULT_MEMORY
    return float(np.clip((correlation * walk)[pairs].sum() / (walk[pairs] ** 2).sum(), 0.0, 1.0))


def error_scores(quantiles: Floats, actual: Floats) -> Floats:
    """Normal score of `actual` (...) within its `quantiles` (..., 9), linear between them and beyond, at most 4 in size."""
    left = np.clip((actual[..., None] >= quantiles).sum(-1) - 1, 0, len(SCORES) - 2)
    low = np.take_along_axis(quantiles, left[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(quantiles, left[..., None] + 1, axis=-1)[..., 0]
    share = (actual - low) / np.maximum(high - low, 1e-9)
    scores: Floats = np.clip(SCORES[left] + share * (SCORES[left + 1] - SCORES[left]), -_LARGEST_SCORE, _LARGEST_SCORE)
    return scores
