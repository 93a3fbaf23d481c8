"""Conformal calibration: how much wider or narrower the bands must be to have covered what came true."""

from __future__ import annotations

import numpy as np

from housing.forecast import QUANTILES
from housing.panel import Floats

_MEDIAN = len(QUANTILES) // 2
_NARROWEST, _WIDEST = 0.7, 4.0
_PRIOR_ORIGINS = 2.0
"""Weight, in origins, of the belief that the bands are right as they are."""
_HALF_LIFE_YEARS = 2.0
_SHORT_YEARS, _LONG_YEARS = 0.5, 4.0
"""Half-lives of the nearest block's scores whose ratio says whether errors have grown of late."""
_SURGE_POWER = 0.5
"""How much of that ratio moves the bands of every block: the far ones' own errors come to light only when a turn is a year old."""


def widen(values: Floats, factors: Floats) -> Floats:
    """Quantiles (..., H, 9) moved away from their median by `factors` (H,)."""
    median = values[..., _MEDIAN : _MEDIAN + 1]
    widened: Floats = median + (values - median) * factors[:, None]
    return widened


def conformal_factors(values: Floats, actual: Floats, ages: Floats, blocks: list[slice]) -> Floats:
    """The factor per horizon that gives the outer band its nominal coverage on past forecasts, recent ones counting more.

    Split conformal prediction with the score |error| / half-width of the band on the side of the error (Romano,
    Patterson and Candes 2019, scaled), weighted by origin (Barber et al. 2023), and moved at once by what the nearest
    horizons' newest scores are above or below their usual ones.

    `values` (O, N, H, 9) are forecasts that were not fitted to `actual` (O, N, H), which is NaN where not observed yet;
    `ages` (O,) of the origins in years; horizons of one of the `blocks` share a factor. Returns (H,), 1 where nothing
    was observed.
    """
    median = values[..., _MEDIAN]
    side = np.where(actual >= median, values[..., -1] - median, median - values[..., 0])
    score = np.abs(actual - median) / np.maximum(side, 1e-9)
    surge = _surge(score[:, :, blocks[0]], ages)
    factors = np.ones(values.shape[2])
    for block in blocks:
        factor, origins = _score_quantile(score[:, :, block], ages, _HALF_LIFE_YEARS)
        trust = origins / (origins + _PRIOR_ORIGINS)
        factors[block] = np.clip((factor * surge) ** trust, _NARROWEST, _WIDEST)
    return factors


def _surge(score: Floats, ages: Floats) -> float:
    """By how much the newest scores (O, N, h) of the nearest horizons ask for wider bands than the usual ones do."""
    recent, _ = _score_quantile(score, ages, _SHORT_YEARS)
    usual, _ = _score_quantile(score, ages, _LONG_YEARS)
    return float((recent / max(usual, 1e-9)) ** _SURGE_POWER)


def _score_quantile(score: Floats, ages: Floats, half_life_years: float) -> tuple[float, float]:
    """The nominal quantile of what is known of the scores (O, N, h), 1 where nothing is, and the weight of the origins behind it."""
    recency = 0.5 ** (ages / half_life_years)
    seen = np.isfinite(score)
    if not seen.any():
        return 1.0, 0.0
    weight = np.broadcast_to(recency[:, None, None], score.shape)
    return _weighted_quantile(score[seen], weight[seen], QUANTILES[-1] - QUANTILES[0]), float(recency[seen.any(axis=(1, 2))].sum())


def _weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(share, level)), len(order) - 1)])
