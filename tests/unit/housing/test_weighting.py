"""Weights are chosen by forecasts that matured: the better member weighs more, and another way has to earn its place."""

from __future__ import annotations

import numpy as np
import pytest

from housing.weighting import Matured, choose_weights, member_median, weighted_mean

NORMAL = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816])


def matured(errors: list[np.ndarray], spread: float = 0.1) -> Matured:
    """Members whose medians are off by `errors` (O, N, h) each, around a truth of noise."""
    shape = errors[0].shape
    actual = np.random.default_rng(0).normal(0, spread, shape)
    values = np.stack([error[..., None] + spread * NORMAL for error in errors])
    return Matured(values, actual, np.ones(shape[1]), np.ones(shape[0]))


def test_weights_fall_with_the_loss_and_sum_to_one() -> None:
    weights = choose_weights(matured([np.full((12, 10, 3), bias) for bias in (0.0, 0.05, 0.4)]))
    assert weights is not None
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] < 0.01


def test_equal_members_weigh_the_same() -> None:
    weights = choose_weights(matured([np.zeros((12, 10, 3))] * 4))
    np.testing.assert_allclose(weights, 0.25)


def test_the_median_is_taken_where_a_different_member_goes_astray_each_time() -> None:
    generator = np.random.default_rng(1)
    astray = generator.integers(0, 5, (20, 10, 3))
    errors = [np.where(astray == member, 3.0, 0.0) for member in range(5)]
    assert choose_weights(matured(errors)) is None


def test_greedy_weights_are_taken_where_two_members_err_to_opposite_sides() -> None:
    members = [np.full((20, 10, 3), bias) for bias in (0.3, -0.3, 0.31, 0.31, 0.31, 0.31)]
    problem = matured(members)
    weights = choose_weights(problem)
    assert weights is not None
    mixed = weighted_mean(problem.values, np.repeat(weights[:, None], 3, axis=1))
    equal = weighted_mean(problem.values, np.full((6, 3), 1 / 6))
    assert weights[1] > 0.3
    assert problem.loss(mixed) < 0.8 * problem.loss(equal)


def test_one_lucky_member_cannot_take_over() -> None:
    generator = np.random.default_rng(2)
    errors = [generator.normal(0, 0.02, (8, 5, 3)) for _ in range(5)]
    weights = choose_weights(matured(errors))
    assert weights is not None
    assert weights.max() < 0.4


def test_nothing_that_has_not_matured_is_used() -> None:
    problem = matured([np.zeros((12, 10, 3)), np.full((12, 10, 3), 0.2)])
    problem.actual[6:] = np.nan
    changed = Matured(problem.values.copy(), problem.actual, problem.noise, problem.recency)
    changed.values[:, 6:] += 5.0
    np.testing.assert_array_equal(choose_weights(problem), choose_weights(changed))


def test_without_anything_matured_all_weigh_the_same() -> None:
    problem = matured([np.zeros((3, 4, 2)), np.ones((3, 4, 2))])
    problem.actual[:] = np.nan
    np.testing.assert_array_equal(choose_weights(problem), [0.5, 0.5])


@pytest.mark.parametrize("members", [1, 2, 3, 4, 5])
def test_the_median_across_members_is_numpys_and_leaves_the_silent_out(members: int) -> None:
    values = np.random.default_rng(3).normal(size=(members, 4, 2, 9)).cumsum(axis=-1)
    values[0, 0] = np.nan
    some = np.sort(np.nanmedian(values[:, 1:], axis=0), axis=-1)
    np.testing.assert_allclose(member_median(values)[1:], some)
    if members > 1:
        np.testing.assert_allclose(member_median(values)[0], np.sort(np.nanmedian(values[:, 0], axis=0), axis=-1))
    else:
        assert np.isnan(member_median(values)[0]).all()
