"""Six significant digits: every path of the system then gives the same bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DIGITS = 6


def six_digits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`values` rounded to 6 significant digits, each the double nearest to its decimal; NaN stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.floor(np.log10(np.abs(values))) - (DIGITS - 1)
    exponent = np.where(np.isfinite(exponent), exponent, 0.0)
    # Powers of ten with a negative exponent are not exact, so small numbers are multiplied and divided by the exact inverse.
    up, down = 10.0 ** np.maximum(-exponent, 0.0), 10.0 ** np.maximum(exponent, 0.0)
    rounded: npt.NDArray[np.float64] = np.rint(values * up / down) / up * down
    return rounded
