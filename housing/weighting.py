"""Weighting: how the members of an ensemble are averaged over a block of horizons, chosen by what matured forecasts say.

Three ways are tried: weights by a power of the recent loss, greedy selection (Caruana et al. 2004) shrunk halfway to them, and the median
across members. Greedy weights learn the regime that has just ended, and a median ignores who is good: each has to win on forecasts newer
than those that it was fitted to, and by a margin, or the first way stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from housing.forecast import QUANTILES
from housing.panel import Floats

_SHARPNESS = 8.0
"""A member whose loss is a tenth above another's weighs half as much."""
_PICKS = 10
_MARGIN = 0.97
"""Another way than the power must have at most this share of its loss."""
_FEWEST_ORIGINS = 6
"""With fewer matured origins nothing is compared."""


@dataclass(frozen=True)
class Matured:
    """Forecasts of M members over one block of h horizons, at O origins in ascending order, with what came true.

    Attributes
    ----------
    values : (M, O, N, h, 9) quantiles of the log price.
    actual : (O, N, h), NaN where not observed yet.
    noise : (N,) by which a region's losses are divided.
    recency : (O,) weight of each origin.
    """

    values: Floats
    actual: Floats
    noise: Floats
    recency: Floats

    def part(self, origins: slice) -> Matured:
        """Some of the origins."""
        return Matured(self.values[:, origins], self.actual[origins], self.noise, self.recency[origins])

    def loss(self, values: Floats) -> float:
        """Mean loss of combined `values` (O, N, h, 9), NaN where nothing has matured."""
        return float(_mean(pinball(values, self.actual)[None] / self.noise[:, None], self.recency)[0])

    def losses(self) -> Floats:
        """Mean loss of each member (M,) over the cells that all of them have."""
        return _mean(pinball(self.values, self.actual[None]) / self.noise[:, None], self.recency)


def choose_weights(matured: Matured) -> Floats | None:
    """Weights (M,) of the members that sum to 1; None asks for the median across members."""
    equal = np.full(len(matured.values), 1 / len(matured.values))
    seen = np.flatnonzero(np.isfinite(matured.actual).any(axis=(1, 2)))
    if not len(seen):
        return equal
    matured = matured.part(slice(int(seen[0]), int(seen[-1]) + 1))
    power = _power(matured)
    if power is None:
        return equal
    if len(seen) < _FEWEST_ORIGINS:
        return power
    way = _best_way(matured.part(slice(None, len(seen) // 2)), matured.part(slice(len(seen) // 2, None)))
    return {"power": power, "greedy": _greedy(matured, power), "median": None}[way] if way != "power" else power


def weighted_mean(stacked: Floats, weights: Floats) -> Floats:
    """Mean over members of (M, ..., H, 9) with `weights` (M, H), NaN left out; NaN where no member has a forecast."""
    shape = (len(weights), *[1] * (stacked.ndim - 3), weights.shape[1], 1)
    weight = np.where(np.isnan(stacked), 0.0, weights.reshape(shape))
    total = weight.sum(axis=0)
    mean = (weight * np.nan_to_num(stacked)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.sort(np.where(total > 0, mean, np.nan), axis=-1)


def member_median(stacked: Floats) -> Floats:
    """Median over members of (M, ..., H, 9), level by level, NaN left out; NaN where no member has a forecast."""
    ordered = np.sort(stacked, axis=0)
    count = np.isfinite(ordered).sum(axis=0, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    middle = np.take_along_axis(ordered, low, axis=0) + np.take_along_axis(ordered, np.minimum(high, len(stacked) - 1), axis=0)
    return np.sort(middle[0] / 2, axis=-1)


def pinball(values: Floats, actual: Floats) -> Floats:
    """Mean quantile loss over the levels, shape of `actual` (...,), for values (..., 9)."""
    levels = np.asarray(QUANTILES)
    error = actual[..., None] - values
    loss: Floats = np.maximum(levels * error, (levels - 1) * error).mean(axis=-1)
    return loss


def _best_way(older: Matured, newer: Matured) -> str:
    power = _power(older)
    if power is None:
        return "power"
    bar = _MARGIN * newer.loss(_mixed(newer.values, power))
    found = {"greedy": newer.loss(_mixed(newer.values, _greedy(older, power))), "median": newer.loss(member_median(newer.values))}
    best = min(found, key=lambda way: found[way])
    return best if found[best] <= bar else "power"


def _power(matured: Matured) -> Floats | None:
    """Weights by a power of the loss; None where the members have nothing in common that matured."""
    losses = matured.losses()
    if not np.isfinite(losses).all():
        return None
    raised = (losses / max(losses.min(), np.finfo(np.float64).tiny)) ** -_SHARPNESS
    return np.asarray(raised / raised.sum())


def _greedy(matured: Matured, shrink_to: Floats) -> Floats:
    """Forward selection with replacement, halfway shrunk to other weights, so that a lucky member can't take over."""
    picks, total = np.zeros(len(matured.values)), np.zeros_like(matured.values[0])
    for count in range(1, _PICKS + 1):
        tried = [matured.loss((total + member) / count) for member in matured.values]
        best = int(np.argmin(tried))
        picks[best] += 1
        total = total + matured.values[best]
    return np.asarray((picks / _PICKS + shrink_to) / 2)


def _mixed(values: Floats, weights: Floats) -> Floats:
    return weighted_mean(values, np.repeat(weights[:, None], values.shape[-2], axis=1))


def _mean(losses: Floats, recency: Floats) -> Floats:
    """Weighted mean over (O, N, h) per member, of the cells that every member has; NaN where nothing matured."""
    common = np.isfinite(losses).all(axis=0)
    weight = np.where(common, recency[:, None, None], 0.0)
    total = weight.sum()
    if total <= 0:
        return np.full(len(losses), np.nan)
    mean: Floats = (np.where(common, losses, 0.0) * weight).sum(axis=(1, 2, 3)) / total
    return mean
