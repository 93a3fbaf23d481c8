"""Blocks of regions: what no other region takes part in is computed for a few regions at a time, in a core's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias, cast

import numpy as np

from housing.panel import Floats, Panel

BLOCK = 100
"""Regions that are worked on together: the few arrays of 100 x 300 numbers that a feature takes stay near a core. Not a power of
two: columns a power of two bytes apart fall into the same few lines of the cache, which costs a third more."""

Options = ParamSpec("Options")
Window: TypeAlias = Callable[Concatenate[Floats, Options], Floats]


def blocks(regions: int) -> Iterator[slice]:
    """Slices that cover the rows of so many regions, one slice at least."""
    return (slice(first, first + BLOCK) for first in range(0, max(regions, 1), BLOCK))


def by_column(values: Floats, rows: slice) -> Floats:
    """Rows of (N, T) as a block in Fortran order: the regions of one column lie together, and a window adds whole columns."""
    return np.asfortranarray(values[rows])


def part(panel: Panel, rows: slice) -> Panel:
    """The panel of some regions, its arrays in Fortran order."""
    return replace(
        panel,
        regions=panel.regions[rows],
        price=by_column(panel.price, rows),
        covariates={name: by_column(values, rows) for name, values in panel.covariates.items()},
    )


def by_blocks(window: Window[Options]) -> Window[Options]:
    """The same function of (N, T), applied to blocks of regions."""

    @wraps(window)
    def blocked(values: Floats, /, *args: Options.args, **kwargs: Options.kwargs) -> Floats:
        if values.ndim != 2 or len(values) <= BLOCK:
            return window(values, *args, **kwargs)
        answer = np.empty(values.shape)
        for rows in blocks(len(values)):
            answer[rows] = window(by_column(values, rows), *args, **kwargs)
        return answer

    return cast(Window[Options], blocked)
