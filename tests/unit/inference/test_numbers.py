"""Six significant digits, each the double nearest to its decimal."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.numbers import six_digits


@given(st.lists(st.floats(1e-9, 1e15), min_size=1))
def test_rounding_is_that_of_decimal_text(values: list[float]) -> None:
    for got, value in zip(six_digits(np.array(values)).tolist(), values, strict=True):
        assert abs(got - value) <= 0.5000001 * 10.0 ** (np.floor(np.log10(value)) - 5)
        assert got == float(f"{got:.6g}")


def test_zero_negative_and_missing_values_stay_what_they_are() -> None:
    np.testing.assert_array_equal(six_digits(np.array([0.0, -1.23456789, np.nan])), [0.0, -1.23457, np.nan])
