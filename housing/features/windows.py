"""Trailing windows over the last axis of (N, T) arrays, NaN-aware, in linear time: column t never uses a column after t."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from housing.features.doubling import Maxima, Sums
from housing.features.regions import by_blocks
from housing.panel import Floats


def lag(values: Floats, periods: int) -> Floats:
    """`values` moved `periods` columns later; the first columns are NaN. Any leading shape."""
    if periods == 0:
        return values
    moved = np.empty_like(values)
    moved[..., :periods] = np.nan
    moved[..., periods:] = values[..., :-periods]
    return moved


def change(values: Floats, periods: int) -> Floats:
    """`values - lag(values, periods)`."""
    answer = np.empty_like(values)
    answer[..., :periods] = np.nan
    np.subtract(values[..., periods:], values[..., :-periods], out=answer[..., periods:])
    return answer


@by_blocks
def forward_fill(values: Floats, limit: int | None = None) -> Floats:
    """Each NaN replaced by the last observed value, at most `limit` columns old; NaN before the first.

    The answer is `values` itself where there is nothing to fill.
    """
    seen = ~np.isnan(values)
    if not (seen[..., :-1] > seen[..., 1:]).any():
        return values
    columns = np.arange(values.shape[-1])
    last = np.maximum.accumulate(np.where(seen, columns, -1), axis=-1)
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
    return Trailing(values).mean(window, minimum)


@by_blocks
def trailing_std(values: Floats, window: int, minimum: int = 2) -> Floats:
    """Population standard deviation of the observed values among the last `window` columns."""
    return Trailing(values).std(window, minimum)


@by_blocks
def trailing_max(values: Floats, window: int) -> Floats:
    """Largest observed value among the last `window` columns; NaN where none."""
    return Trailing(values).max(window)


class Trailing:
    """Several trailing windows of the same values (N, T): what they share is computed once.

    Arrays in Fortran order are several times faster than those in C order: the columns that are added lie next to each other.
    """

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._counts: dict[int, Floats] = {}
        self._shares: dict[int, Floats] = {}
        self._means: dict[int, Floats] = {}

    def mean(self, window: int, minimum: int = 1) -> Floats:
        """As `trailing_mean`."""
        return self._hide(self._centred_mean(window) + self._start, window, minimum)

    def std(self, window: int, minimum: int = 2) -> Floats:
        """As `trailing_std`."""
        variance = self._squares.last(window) * self._share(window)
        variance -= np.square(self._centred_mean(window))
        np.maximum(variance, 0.0, out=variance)
        return self._hide(np.sqrt(variance, out=variance), window, minimum)

    def max(self, window: int) -> Floats:
        """As `trailing_max`."""
        best = self._maxima.last(window)
        return best if self._complete else np.where(np.isfinite(best), best, np.nan)

    def _centred_mean(self, window: int) -> Floats:
        if window not in self._means:
            self._means[window] = self._sums.last(window) * self._share(window)
        return self._means[window]

    @cached_property
    def _seen(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self._values)

    @cached_property
    def _complete(self) -> bool:
        return bool(self._seen.all())

    @cached_property
    def _start(self) -> Floats:
        """First observed value of each row, shape (..., 1): sums of numbers near zero lose less to rounding."""
        if self._complete:
            return self._values[..., :1]
        first = np.minimum(first_observed(self._values), self._values.shape[-1] - 1)
        start = np.take_along_axis(self._values, first[..., None], axis=-1)
        return np.where(np.isnan(start), 0.0, start)

    @cached_property
    def _centred(self) -> Floats:
        """Values less `_start`, 0 where not observed."""
        centred = self._values - self._start
        if not self._complete:
            np.copyto(centred, 0.0, where=~self._seen)
        return centred

    @cached_property
    def _sums(self) -> Sums:
        return Sums(self._centred)

    @cached_property
    def _squares(self) -> Sums:
        return Sums(np.square(self._centred))

    @cached_property
    def _maxima(self) -> Maxima:
        return Maxima(self._values if self._complete else np.where(self._seen, self._values, -np.inf))

    @cached_property
    def _seen_so_far(self) -> Floats:
        return np.cumsum(self._seen, axis=-1, dtype=np.float64)

    def _count(self, window: int) -> Floats:
        """How many of the last `window` columns were observed: one row when nothing is missing."""
        if window not in self._counts:
            length = self._values.shape[-1]
            if self._complete:
                self._counts[window] = np.minimum(np.arange(1.0, length + 1), window)
            elif window < length:
                self._counts[window] = self._seen_so_far.copy(order="K")
                self._counts[window][..., window:] -= self._seen_so_far[..., :-window]
            else:
                self._counts[window] = self._seen_so_far
        return self._counts[window]

    def _share(self, window: int) -> Floats:
        if window not in self._shares:
            share = np.maximum(self._count(window), 1.0)
            self._shares[window] = np.divide(1.0, share, out=share)
        return self._shares[window]

    def _hide(self, answer: Floats, window: int, minimum: int) -> Floats:
        """NaN where fewer than `minimum` values were observed."""
        if not self._complete:
            np.copyto(answer, np.nan, where=self._count(window) < minimum)
        elif minimum > window:
            answer[...] = np.nan
        else:
            answer[..., : minimum - 1] = np.nan
        return answer
