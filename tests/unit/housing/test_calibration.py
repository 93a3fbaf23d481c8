"""Conformal calibration gives bands the coverage that they claim, and no more change than the evidence bears."""

from __future__ import annotations

import numpy as np

from housing.calibration import conformal_factors, widen
from housing.forecast import QUANTILES

NORMAL = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816])


def draw(deviation: float, origins: int = 400, regions: int = 10, horizon: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal forecasts of values with another deviation."""
    actual = np.random.default_rng(0).normal(0, deviation, (origins, regions, horizon))
    return np.broadcast_to(NORMAL, (*actual.shape, len(QUANTILES))).copy(), actual


def coverage(values: np.ndarray, actual: np.ndarray) -> float:
    return float(((actual >= values[..., 0]) & (actual <= values[..., -1])).mean())


def test_bands_that_are_too_narrow_are_widened_to_their_coverage() -> None:
    values, actual = draw(2.0)
    factors = conformal_factors(values, actual, np.zeros(400), [slice(0, 4)])
    assert abs(coverage(widen(values, factors), actual) - 0.8) < 0.02


def test_bands_that_are_too_wide_are_narrowed() -> None:
    values, actual = draw(0.8)
    factors = conformal_factors(values, actual, np.zeros(400), [slice(0, 4)])
    assert (factors < 0.9).all()
    assert abs(coverage(widen(values, factors), actual) - 0.8) < 0.02


def test_the_median_stays_where_it_is() -> None:
    values, actual = draw(2.0)
    widened = widen(values, conformal_factors(values, actual, np.zeros(400), [slice(0, 4)]))
    np.testing.assert_array_equal(widened[..., 4], values[..., 4])
    assert (np.diff(widened, axis=-1) >= 0).all()


def test_without_evidence_the_bands_stay() -> None:
    values, actual = draw(2.0)
    factors = conformal_factors(values, np.full_like(actual, np.nan), np.zeros(400), [slice(0, 4)])
    np.testing.assert_array_equal(factors, np.ones(4))


def test_one_origin_moves_the_bands_less_than_many_do() -> None:
    values, actual = draw(2.0)
    few = conformal_factors(values[:1], actual[:1], np.zeros(1), [slice(0, 4)])
    many = conformal_factors(values, actual, np.zeros(400), [slice(0, 4)])
    assert (few > 1).all()
    assert (few < many).all()


def test_recent_origins_count_more() -> None:
    values, calm = draw(0.8)
    _, wild = draw(2.0)
    actual = np.concatenate([calm[:200], wild[:200]])
    rising = conformal_factors(values, actual, np.concatenate([np.full(200, 8.0), np.zeros(200)]), [slice(0, 4)])
    falling = conformal_factors(values, actual, np.concatenate([np.zeros(200), np.full(200, 8.0)]), [slice(0, 4)])
    assert (rising > falling).all()


def test_errors_that_grow_at_the_nearest_horizon_widen_the_far_bands_before_their_own_errors_are_known() -> None:
    values, actual = draw(1.0)
    ages = np.repeat(np.arange(8.0)[::-1], 50)
    before = conformal_factors(values, actual, ages, [slice(0, 1), slice(1, 4)])
    actual[ages == 0, :, 0] *= 3.0
    actual[ages == 0, :, 1:] = np.nan
    after = conformal_factors(values, actual, ages, [slice(0, 1), slice(1, 4)])
    assert (after[1:] > 1.2 * before[1:]).all()
