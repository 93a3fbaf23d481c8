"""What quantile paths of the price imply for a drawdown: draw whole paths, smooth and deflate them, count those that fall deep enough.

Quantiles say nothing of how the errors of different steps go together. Here the normal scores of two steps i <= j have the
correlation `memory * sqrt(i / j)`: 1 is a random walk around the forecast, 0 is independent noise in each period.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from housing.forecast import QUANTILES
from housing.labels import DrawdownDefinition, carry_forward, drawdown_level
from housing.panel import Floats, Panel

DRAWS = 500
SEED = 20
SCORES: Floats = np.array([NormalDist().inv_cdf(level) for level in QUANTILES])
_REGIONS_AT_ONCE = 500


def paths_probability(panel: Panel, definition: DrawdownDefinition, log_quantiles: Floats, memory: float) -> Floats:
    """Share of drawn paths that fall to the threshold within the horizon, (N,), half a path added on either side.

    log_quantiles : (N, H, 9) of the log price after the last column of `panel`; steps beyond the definition's horizon are
    left out, and when H is shorter the probability is that of the shorter horizon. `panel` has its deflator to date.
    NaN where the forecast or the level is unknown. Deterministic: the same random numbers for every region.
    """
    paths = log_quantiles[:, : definition.horizon].astype(np.float64)
    scores = _correlated_scores(paths.shape[1], memory)
    known = drawdown_level(panel, definition)
    deflator = _future_deflator(panel, definition, paths.shape[1])
    prices = carry_forward(panel.price, panel.season // 2)
    blocks = [slice(i, i + _REGIONS_AT_ONCE) for i in range(0, len(paths), _REGIONS_AT_ONCE)]
    return np.concatenate([_share(prices[b], known[b], _draw(paths[b], scores), definition, deflator) for b in blocks])


def walk_correlation(horizon: int) -> Floats:
    """sqrt(i / j) for steps i <= j, (H, H): the correlation of a random walk with itself."""
    steps = np.arange(1, horizon + 1)
    correlation: Floats = np.sqrt(np.minimum.outer(steps, steps) / np.maximum.outer(steps, steps))
    return correlation


@lru_cache(maxsize=64)
def _correlated_scores(horizon: int, memory: float) -> Floats:
    """Antithetic normal draws with the dependence of the steps, (DRAWS, H); drawn once, so not to be written to."""
    correlation = memory * walk_correlation(horizon) + (1 - memory) * np.eye(horizon)
    normal = np.random.default_rng(SEED).standard_normal((DRAWS // 2, horizon))
    scores: Floats = np.vstack([normal, -normal]) @ np.linalg.cholesky(correlation + 1e-9 * np.eye(horizon)).T
    scores.flags.writeable = False
    return scores


def _draw(log_quantiles: Floats, scores: Floats) -> Floats:
    """Paths of the price, (N, DRAWS, H): the log price is linear in the normal score between quantiles and beyond the outermost."""
    drawn = np.empty((len(log_quantiles), *scores.shape))
    for k in range(scores.shape[1]):
        left = np.clip(np.searchsorted(SCORES, scores[:, k]) - 1, 0, len(SCORES) - 2)
        share = (scores[:, k] - SCORES[left]) / (SCORES[left + 1] - SCORES[left])
        low, high = log_quantiles[:, k, left], log_quantiles[:, k, left + 1]
        drawn[:, :, k] = low + share * (high - low)
    return np.exp(drawn)


def _share(prices: Floats, known: Floats, drawn: Floats, definition: DrawdownDefinition, deflator: Floats) -> Floats:
    level = _smoothed(prices, drawn, definition.smoothing) / deflator
    peak = np.maximum.accumulate(level, axis=-1)
    for k in range(level.shape[-1]):
        before = known[:, max(0, known.shape[1] - definition.peak_window + k + 1) :]
        if before.shape[1]:
            peak[..., k] = np.fmax(peak[..., k], np.fmax.reduce(before, axis=1)[:, None])
    deepest = (level / peak - 1).min(axis=-1)
    share = ((deepest <= -definition.threshold).sum(axis=1) + 0.5) / (drawn.shape[1] + 1)
    return np.where(np.isfinite(deepest).all(axis=1) & np.isfinite(known[:, -1]), share, np.nan)


def _smoothed(prices: Floats, drawn: Floats, window: int) -> Floats:
    """Trailing mean over known prices (N, T) and drawn ones (N, DRAWS, H); NaN with fewer than three quarters of the window."""
    total = np.cumsum(drawn, axis=-1)
    mean = np.empty_like(drawn)
    for k in range(drawn.shape[-1]):
        new = min(k + 1, window)
        recent = total[..., k] - (total[..., k - window] if k >= window else 0.0)
        old = prices[:, max(0, prices.shape[1] - window + new) :] if new < window else prices[:, :0]
        seen = np.isfinite(old)
        count = seen.sum(1) + new
        filled = (np.where(seen, old, 0.0).sum(1)[:, None] + recent) / count[:, None]
        mean[..., k] = np.where((count >= 0.75 * window)[:, None], filled, np.nan)
    return mean


def _future_deflator(panel: Panel, definition: DrawdownDefinition, horizon: int) -> Floats:
    """The deflator over the next `horizon` periods at the pace of the last year, ones for nominal prices: (H,)."""
    if definition.deflator is None:
        return np.ones(horizon)
    values = carry_forward(panel.national[definition.deflator][None], panel.season // 2)[0]
    year_ago = values[max(0, len(values) - 1 - panel.season)]
    pace = np.log(values[-1] / year_ago) / panel.season
    onward: Floats = values[-1] * np.exp(pace * np.arange(1, horizon + 1))
    return onward
