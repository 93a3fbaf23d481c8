"""Conformal calibration: how much wider or narrower the bands must be to have covered what came true."""

from __future__ import annotations

import numpy as np

from housing.forecast import QUANTILES
from housing.panel import Floats

_MEDIAN = len(QUANTILES) // 2
_NARROWEST, _WIDEST = 0.7, 4.0
_PRIOR_ORIGINS = 10.0
"""Weight, in origins, of the belief that the bands are right as they are."""


def widen(values: Floats, factors: Floats) -> Floats:
    """Quantiles (..., H, 9) moved away from their median by `factors` (H,)."""
    median = values[..., _MEDIAN : _MEDIAN + 1]
    widened: Floats = median + (values - median) * factors[:, None]
    return widened


def conformal_factors(values: Floats, actual: Floats, weights: Floats, blocks: list[slice]) -> Floats:
    """The factor per horizon that gives the outer band its nominal coverage on past forecasts.

    Split conformal prediction with the score |error| / half-width of the band on the side of the error (Romano,
    Patterson and Candes 2019, scaled), weighted by origin: recent origins count more.

    `values` (O, N, H, 9) are forecasts that were not fitted to `actual` (O, N, H), which is NaN where not observed yet;
    `weights` (O,) belong to the origins; horizons of one of the `blocks` share a factor. Returns (H,), 1 where nothing
    was observed.
    """
    level = QUANTILES[-1] - QUANTILES[0]
    median = values[..., _MEDIAN]
    side = np.where(actual >= median, values[..., -1] - median, median - values[..., 0])
    score = np.abs(actual - median) / np.maximum(side, 1e-9)
    factors = np.ones(values.shape[2])
    for block in blocks:
        scores, weight = score[:, :, block], np.broadcast_to(weights[:, None, None], score[:, :, block].shape)
        seen = np.isfinite(scores)
        if not seen.any():
            continue
        origins = weights[seen.any(axis=(1, 2))].sum()
        factor = _weighted_quantile(scores[seen], weight[seen], level)
        trust = origins / (origins + _PRIOR_ORIGINS)
        factors[block] = np.clip(factor**trust, _NARROWEST, _WIDEST)
    return factors


def _weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(share, level)), len(order) - 1)])
