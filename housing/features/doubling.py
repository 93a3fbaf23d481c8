"""Sums and maxima of the last columns, built from those over 1, 2, 4... columns.

Unlike the difference of two running sums they do not depend on what came before the window: a short history and a long one
give the same bits. The answers may be arrays that are kept for the next window: read them, never write to them.
"""

from __future__ import annotations

import numpy as np

from housing.panel import Floats


class _Doubling:
    """Values over 1, 2, 4... columns under one operation, each made once."""

    def __init__(self, values: Floats, operation: np.ufunc) -> None:
        self._operation = operation
        self._over = [values]

    def over(self, power: int) -> Floats:
        """Over the last 2 ** power columns."""
        while len(self._over) <= power:
            newest = self._over[-1]
            self._over.append(self.joined(newest, newest, 1 << len(self._over) - 1))
        return self._over[power]

    def joined(self, late: Floats, early: Floats, apart: int) -> Floats:
        """`late` combined with `early` of `apart` columns before, where there is one."""
        length = late.shape[-1]
        if apart >= length:
            return late
        answer = np.empty_like(late)
        answer[..., :apart] = late[..., :apart]
        self._operation(late[..., apart:], early[..., : length - apart], out=answer[..., apart:])
        return answer


class Sums(_Doubling):
    """Sums over the last columns of values (N, T) without NaN."""

    def __init__(self, values: Floats) -> None:
        super().__init__(values, np.add)

    def last(self, window: int) -> Floats:
        """Sum over the last `window` columns (fewer at the start), (N, T)."""
        powers = [power for power in range(window.bit_length()) if window >> power & 1]
        total, done = self.over(powers[0]), 1 << powers[0]
        for power in powers[1:]:
            total = self.joined(total, self.over(power), done)
            done += 1 << power
        return total


class Maxima(_Doubling):
    """Maxima over the last columns of values (N, T) without NaN."""

    def __init__(self, values: Floats) -> None:
        super().__init__(values, np.maximum)

    def last(self, window: int) -> Floats:
        """Largest of the last `window` columns (fewer at the start), (N, T)."""
        power = window.bit_length() - 1
        half = self.over(power)
        rest = window - (1 << power)
        return self.joined(half, half, rest) if rest else half
