"""Uncertainty of scores over origins: moving blocks, since neighbouring origins share most of their future.

Regions move together, so an origin is drawn whole (Kuensch 1989; Politis and Romano 1992 for the circular form).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing.panel import Floats

DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A value with its bootstrap interval at `level`; low and high are NaN with fewer than two blocks."""

    value: float
    low: float
    high: float
    level: float = 0.9

    def to_json(self) -> dict[str, float]:
        return dict(vars(self))


def block_indices(count: int, block: int, draws: int = DRAWS, seed: int = 0) -> npt.NDArray[np.int64]:
    """Circular moving blocks: (draws, count) positions in 0..count-1."""
    block = max(1, min(block, count))
    blocks = -(-count // block)
    starts = np.random.default_rng(seed).integers(0, count, size=(draws, blocks))
    positions = (starts[:, :, None] + np.arange(block)) % count
    return np.asarray(positions.reshape(draws, -1)[:, :count], dtype=np.int64)


def bootstrap_ratio(numerator: Floats, denominator: Floats, block: int, level: float = 0.9, seed: int = 0) -> Interval:
    """sum(numerator) / sum(denominator) over origins, (O,) each, with a percentile interval.

    A mean is a sum over a count; a skill is 1 minus a ratio of sums; a difference of means has the difference above.
    Origins where either is NaN are left out.
    """
    known = np.isfinite(numerator) & np.isfinite(denominator)
    above, below = numerator[known], denominator[known]
    if not len(above) or below.sum() == 0:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    value = float(above.sum() / below.sum())
    if len(above) < 2 * block:
        return Interval(value, float("nan"), float("nan"), level)
    rows = block_indices(len(above), block, seed=seed)
    bottom = below[rows].sum(1)
    drawn = above[rows].sum(1)[bottom != 0] / bottom[bottom != 0]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)
