"""Trailing windows over the last axis of (N, T) arrays, NaN-aware, in linear time: column t never uses a column after t."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from housing.panel import Floats

BLOCK_ROWS = 128
"""Rows that are worked on together: a few arrays of 128 x 300 numbers stay in a core's cache."""

Options = ParamSpec("Options")
Number = TypeVar("Number", Floats, npt.NDArray[np.int64])


Window: TypeAlias = Callable[Concatenate[Floats, Options], Floats]


def by_blocks(window: Window[Options]) -> Window[Options]:
    """The same function, applied to blocks of rows: no row depends on another, and small arrays are several times faster."""

    @wraps(window)
    def blocked(values: Floats, /, *args: Options.args, **kwargs: Options.kwargs) -> Floats:
        if values.ndim != 2 or len(values) <= BLOCK_ROWS:
            return window(values, *args, **kwargs)
        answer = np.empty(values.shape)
        for first in range(0, len(values), BLOCK_ROWS):
            answer[first : first + BLOCK_ROWS] = window(values[first : first + BLOCK_ROWS], *args, **kwargs)
        return answer

    return cast(Window[Options], blocked)


def lag(values: Floats, periods: int) -> Floats:
    """`values` moved `periods` columns later; the first columns are NaN. Any leading shape."""
    if periods == 0:
        return values
    moved = np.full_like(values, np.nan)
    moved[..., periods:] = values[..., :-periods]
    return moved


@by_blocks
def forward_fill(values: Floats, limit: int | None = None) -> Floats:
    """Each NaN replaced by the last observed value, at most `limit` columns old; NaN before the first."""
    columns = np.arange(values.shape[-1])
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, columns), axis=-1)
    known = last >= 0 if limit is None else (last >= 0) & (columns - last <= limit)
    return np.where(known, np.take_along_axis(values, np.maximum(last, 0), axis=-1), np.nan)


def first_observed(values: Floats) -> npt.NDArray[np.int64]:
    """Column of the first value of each row, T where there is none."""
    seen = ~np.isnan(values)
    first: npt.NDArray[np.int64] = np.where(seen.any(axis=-1), seen.argmax(axis=-1), values.shape[-1])
    return first


@by_blocks
def trailing_mean(values: Floats, window: int, minimum: int = 1) -> Floats:
    """Mean of the observed values among the last `window` columns; NaN where fewer than `minimum`."""
    start = _first_value(values)
    centred, count = _observed(values, start, window)
    mean = _trailing_total(centred, window)
    mean *= 1.0 / np.maximum(count, 1)
    mean += start
    return _hide(mean, count, minimum)


@by_blocks
def trailing_std(values: Floats, window: int, minimum: int = 2) -> Floats:
    """Population standard deviation of the observed values among the last `window` columns."""
    centred, count = _observed(values, _first_value(values), window)
    share = 1.0 / np.maximum(count, 1)
    mean = _trailing_total(centred, window)
    mean *= share
    variance = _trailing_total(np.square(centred, out=centred), window)
    variance *= share
    variance -= np.square(mean, out=mean)
    np.maximum(variance, 0.0, out=variance)
    return _hide(np.sqrt(variance, out=variance), count, minimum)


def _observed(values: Floats, start: Floats, window: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Values less `start` with 0 for NaN, and how many of the last `window` were observed: one row when nothing is missing."""
    centred = values - start
    seen = ~np.isnan(centred)
    if seen.all():
        return centred, np.minimum(np.arange(1, values.shape[-1] + 1), window)
    centred[~seen] = 0.0
    return centred, _trailing_total(seen.astype(np.int64), window)


def _trailing_total(values: Number, window: int) -> Number:
    """Sum of the last `window` columns of values without NaN, from sums over 1, 2, 4... columns.

    Unlike the difference of two running sums it does not depend on what came before the window: a short history and a long
    one give the same bits.
    """
    length = values.shape[-1]
    total, done, span, doubled = None, 0, 1, values
    while True:
        if window & span:
            if total is None:
                total = doubled.copy()
            elif done < length:
                total[..., done:] += doubled[..., : length - done]
            done += span
        if done >= window:
            return cast(Number, total)
        if span < length:
            longer = np.empty_like(doubled)
            longer[..., :span] = doubled[..., :span]
            np.add(doubled[..., span:], doubled[..., :-span], out=longer[..., span:])
            doubled = longer
        span *= 2


def _hide(answer: Floats, count: npt.NDArray[np.int64], minimum: int) -> Floats:
    """NaN where fewer than `minimum` values were observed."""
    few = count < minimum
    if few.any():
        answer[np.broadcast_to(few, answer.shape)] = np.nan
    return answer


def _first_value(values: Floats) -> Floats:
    """First observed value of each row, shape (..., 1): sums of numbers near zero lose less to rounding."""
    first = np.minimum(first_observed(values), values.shape[-1] - 1)
    return np.nan_to_num(np.take_along_axis(values, first[..., None], axis=-1))


@by_blocks
def trailing_max(values: Floats, window: int) -> Floats:
    """Largest observed value among the last `window` columns, by doubling; NaN where none."""
    best = np.where(np.isnan(values), -np.inf, values)
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        best[..., step:] = np.maximum(best[..., step:], best[..., :-step])
        covered += step
    return np.where(np.isfinite(best), best, np.nan)
