"""The slices in which scores are stated: eras of origins and blocks of horizons."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from housing.panel import Months

ERA_STARTS = (1975, 1990, 2001, 2006, 2010, 2016, 2020)
"""First years of the eras of the US market: before and after 1990, boom, bust, recovery, growth, pandemic and after."""

LONGEST_YEARLY_SPAN = 8
"""Origins over at most this many years are stated year by year, longer ones by era."""

Mask = npt.NDArray[np.bool_]


def eras(dates: Months) -> list[tuple[str, Mask]]:
    """Labels and masks (O,) of the eras in which the origins lie, oldest first."""
    years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    if years.max() - years.min() < LONGEST_YEARLY_SPAN:
        return [(str(year), years == year) for year in np.unique(years)]
    starts = [min(int(years.min()), ERA_STARTS[0]), *ERA_STARTS[1:], max(int(years.max()), ERA_STARTS[-1]) + 1]
    found = []
    for start, stop in itertools.pairwise(starts):
        mask = (years >= start) & (years < stop)
        if mask.any():
            first, last = years[mask].min(), years[mask].max()
            found.append((str(first) if first == last else f"{first}-{last}", mask))
    return found


def horizon_blocks(horizon: int, season: int) -> list[tuple[str, Mask]]:
    """Labels and masks (H,): the first quarter of a year, the second, the rest of each year; single quarters as such."""
    steps = np.arange(1, horizon + 1)
    edges = [0, *(edge for edge in (season // 4, season // 2, season) if edge < horizon), horizon]
    blocks = []
    for low, high in itertools.pairwise(edges):
        label = str(high) if high == low + 1 else f"{low + 1}-{high}"
        blocks.append((label, (steps > low) & (steps <= high)))
    return blocks


def overlap(origins: npt.NDArray[np.int64], horizon: int) -> int:
    """How many neighbouring origins share part of their horizon: the block length of the bootstrap."""
    if len(origins) < 2:
        return 1
    spacing = float(np.median(np.diff(origins)))
    return max(1, math.ceil(horizon / spacing))
