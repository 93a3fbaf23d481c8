"""Trailing windows over the last axis of (N, T) arrays, NaN-aware, in linear time: column t never uses a column after t."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from housing.panel import Floats


def lag(values: Floats, periods: int) -> Floats:
    """`values` moved `periods` columns later; the first columns are NaN. Any leading shape."""
    if periods == 0:
        return values
    moved = np.full_like(values, np.nan)
    moved[..., periods:] = values[..., :-periods]
    return moved


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


def trailing_sum(values: Floats, window: int) -> tuple[Floats, Floats]:
    """Sum and count of the observed values among the last `window` columns."""

    def total(x: Floats) -> Floats:
        sums = np.cumsum(x, axis=-1)
        sums[..., window:] = sums[..., window:] - sums[..., :-window]
        return np.asarray(sums)

    seen = ~np.isnan(values)
    return total(np.where(seen, values, 0.0)), total(seen.astype(np.float64))


def trailing_mean(values: Floats, window: int, minimum: int = 1) -> Floats:
    """Mean of the observed values among the last `window` columns; NaN where fewer than `minimum`."""
    start = _first_value(values)
    sums, count = trailing_sum(values - start, window)
    return np.where(count >= minimum, start + sums / np.maximum(count, 1.0), np.nan)


def trailing_std(values: Floats, window: int, minimum: int = 2) -> Floats:
    """Population standard deviation of the observed values among the last `window` columns."""
    centred = values - _first_value(values)
    square = trailing_mean(centred**2, window, minimum)
    return np.sqrt(np.maximum(square - trailing_mean(centred, window, minimum) ** 2, 0.0))


def _first_value(values: Floats) -> Floats:
    """First observed value of each row, shape (..., 1): sums of numbers near zero lose less to rounding."""
    first = np.minimum(first_observed(values), values.shape[-1] - 1)
    return np.nan_to_num(np.take_along_axis(values, first[..., None], axis=-1))


def trailing_max(values: Floats, window: int) -> Floats:
    """Largest observed value among the last `window` columns, by doubling; NaN where none."""
    best = np.where(np.isnan(values), -np.inf, values)
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        best[..., step:] = np.maximum(best[..., step:], best[..., :-step])
        covered += step
    return np.where(np.isfinite(best), best, np.nan)
