"""Each score agrees with its definition in plain loops, and says NaN where it has no meaning."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housing.forecast import QUANTILES
from housing.metrics import (
    Interval,
    auc,
    average_precision,
    block_indices,
    bootstrap_ratio,
    brier_score,
    brier_skill,
    calibration_error,
    log_loss,
    onsets,
    pinball_loss,
    record_alarms,
    region_origin_mean,
    reliability_bins,
    score_cells,
    seasonal_naive_scale,
    weighted_quantile_loss,
)

outcomes = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40)


def arrays(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(y) for y, _ in rows]), np.array([s / 6 for _, s in rows])


def test_pinball_loss_weighs_the_two_sides_by_the_level() -> None:
    loss = pinball_loss(np.array([10.0]), np.array([[8.0, 12.0]]), (0.9, 0.9))
    np.testing.assert_allclose(loss, [[0.9 * 2, 0.1 * 2]])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(40, 80), st.sampled_from([4, 12]))
def test_the_scale_is_that_of_a_data_frame(seed: int, length: int, season: int) -> None:
    rng = np.random.default_rng(seed)
    price = np.exp(rng.normal(5, 0.3, (4, length)))
    price[rng.random(price.shape) < 0.05] = np.nan
    price[0, :20] = np.nan
    price[1, -5:] = np.nan
    frame = pd.DataFrame(price.T)
    level = np.exp(np.log(frame).interpolate(limit_area="inside").ffill())
    expected = (level - level.shift(season)).abs().mean().where(frame.notna().sum() >= 36)
    np.testing.assert_allclose(seasonal_naive_scale(price, season), expected.to_numpy(), rtol=1e-10)


def test_a_short_history_has_no_scale() -> None:
    assert np.isnan(seasonal_naive_scale(np.ones((1, 35)), 12)).all()
    assert np.isnan(seasonal_naive_scale(np.ones((1, 5)), 12)).all()


def test_cells_agree_with_plain_loops() -> None:
    rng = np.random.default_rng(1)
    price = np.exp(rng.normal(5, 0.2, (3, 60)))
    price[1, 50] = np.nan
    origins = [45, 55]
    values = np.sort(rng.normal(5, 0.2, (2, 3, 6, 9)), axis=-1)
    values[1, 2] = np.nan
    cells = score_cells(price, origins, values, QUANTILES, 12)
    for o, origin in enumerate(origins):
        for n in range(3):
            scale = np.mean(np.abs(price[n, 12 : origin + 1] - price[n, : origin - 11])) if n != 1 else math.nan
            for h in range(6):
                column = origin + h + 1
                actual = price[n, column] if column < 60 else math.nan
                quantiles = np.exp(values[o, n, h])
                if math.isnan(actual) or np.isnan(quantiles).any():
                    assert np.isnan(cells.scaled_loss[o, n, h])
                    continue
                loss = np.mean([2 * max(q * (actual - x), (q - 1) * (actual - x)) for q, x in zip(QUANTILES, quantiles, strict=True)])
                assert cells.quantile_loss[o, n, h] == pytest.approx(loss)
                assert cells.covered[o, n, h] == (quantiles[0] <= actual <= quantiles[-1])
                assert cells.width[o, n, h] == pytest.approx(values[o, n, h, -1] - values[o, n, h, 0])
                if n != 1:
                    assert cells.scaled_loss[o, n, h] == pytest.approx(loss / scale)
                    assert cells.scaled_error[o, n, h] == pytest.approx(abs(actual - quantiles[4]) / scale)
    known = np.isfinite(cells.scaled_loss)
    assert known[1, :, 4:].sum() == 0
    assert weighted_quantile_loss(cells) == pytest.approx(cells.quantile_loss[known].sum() / cells.actual[known].sum())


def test_crossed_quantiles_are_sorted_before_scoring() -> None:
    price = np.exp(np.random.default_rng(0).normal(5, 0.1, (1, 60)))
    values = np.linspace(4.8, 5.2, 9)[None, None, None]
    straight = score_cells(price, [50], values, QUANTILES, 12)
    np.testing.assert_array_equal(score_cells(price, [50], values[..., ::-1], QUANTILES, 12).scaled_loss, straight.scaled_loss)


def test_a_mean_over_horizons_ignores_unscored_ones() -> None:
    cells = np.array([[[1.0, np.nan, 3.0], [np.nan] * 3]])
    np.testing.assert_array_equal(region_origin_mean(cells), [[2.0, np.nan]])


@given(outcomes)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int]]) -> None:
    y, s = arrays(rows)
    pairs = [(a, b) for a in s[y == 1] for b in s[y == 0]]
    if not pairs:
        assert math.isnan(auc(y, s))
    else:
        assert auc(y, s) == pytest.approx(np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs]))


@given(outcomes)
def test_average_precision_is_precision_summed_over_recall_steps(rows: list[tuple[bool, int]]) -> None:
    y, s = arrays(rows)
    if not y.any():
        assert math.isnan(average_precision(y, s))
        return
    total, recall = 0.0, 0.0
    for level in sorted(set(s), reverse=True):
        chosen = s >= level
        gained = y[chosen].sum() / y.sum()
        total += (gained - recall) * y[chosen].mean()
        recall = gained
    assert average_precision(y, s) == pytest.approx(total)


@given(outcomes)
def test_calibration_error_is_the_weighted_gap_of_its_bins(rows: list[tuple[bool, int]]) -> None:
    y, p = arrays(rows)
    bins = reliability_bins(y, p)
    assert sum(part.count for part in bins) == len(y)
    expected = sum(abs(p[chosen].sum() - y[chosen].sum()) for k in range(10) if (chosen := np.minimum((p * 10).astype(int), 9) == k).any())
    assert calibration_error(y, p) == pytest.approx(expected / len(y))


def test_brier_and_log_loss_follow_their_definitions() -> None:
    y, p = np.array([1.0, 0.0, np.nan]), np.array([0.8, 0.4, 0.5])
    assert brier_score(y, p) == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert log_loss(y, p) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert brier_skill(y, p, np.array([0.5, 0.5, 0.5])) == pytest.approx(1 - 0.2 / 0.5)


def test_scores_without_rows_are_undefined() -> None:
    nothing = np.array([np.nan])
    for score in (brier_score, log_loss, auc, average_precision, calibration_error):
        assert math.isnan(score(nothing, np.array([0.5])))
    assert math.isnan(brier_skill(np.zeros(3), np.zeros(3), np.zeros(3)))


def test_a_certain_miss_costs_a_finite_log_loss() -> None:
    assert log_loss(np.array([1.0]), np.array([0.0])) < 10


def test_blocks_keep_neighbours_together() -> None:
    rows = block_indices(12, 4, draws=50)
    assert rows.shape == (50, 12)
    steps = np.diff(rows.reshape(50, 3, 4), axis=-1) % 12
    assert (steps == 1).all()
    np.testing.assert_array_equal(rows, block_indices(12, 4, draws=50))


def test_an_interval_holds_the_ratio_and_widens_with_dependence() -> None:
    rng = np.random.default_rng(0)
    loss = np.repeat(rng.normal(1, 0.3, 20), 6)
    alone, together = (bootstrap_ratio(loss, np.ones(120), block) for block in (1, 12))
    assert alone.low < alone.value < alone.high
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert alone.value == pytest.approx(loss.mean())


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(100):
        found = bootstrap_ratio(rng.normal(2, 0.5, 60), np.ones(60), 1)
        hits += found.low <= 2 <= found.high
    assert 80 <= hits <= 98


def test_too_few_blocks_give_no_interval() -> None:
    found = bootstrap_ratio(np.array([1.0, 2.0, 3.0]), np.ones(3), 2)
    assert found.value == 2
    assert math.isnan(found.low)
    empty = bootstrap_ratio(np.array([np.nan]), np.ones(1), 1)
    assert isinstance(empty, Interval)
    assert math.isnan(empty.value)


def test_a_relapse_soon_after_recovery_is_the_same_episode() -> None:
    depth = np.array([[0, -0.2, -0.2, -0.05, -0.2, 0, 0, 0, -0.2]])
    assert onsets(depth, 0.1, 2) == [(0, 1), (0, 8)]
    assert onsets(depth, 0.1, 1) == [(0, 1), (0, 4), (0, 8)]
    assert onsets(np.array([[-0.2, 0.0]]), 0.1, 2) == []


def test_alarms_are_counted_by_run_and_by_episode() -> None:
    depth = np.zeros((2, 40))
    depth[0, 20:24] = -0.2
    origins = list(range(0, 36, 4))
    labels = np.zeros((9, 2))
    labels[[3, 4], 0] = 1
    labels[5, 0] = np.nan
    probability = np.full((9, 2), 0.05)
    probability[[3, 4], 0] = 0.6
    probability[[6, 7], 0] = 0.6
    probability[[1, 3], 1] = 0.6
    found = record_alarms(probability, labels, depth, origins, threshold=0.1, horizon=8, level=0.5)
    assert found.episodes == ((0, 20),)
    assert found.lead_times == (8.0,)
    assert (found.caught, found.median_lead, found.false_alarms) == (1, 8.0, 3)
    assert found.region_periods == 17 * 4
    assert found.per_decade(4) == pytest.approx(3 / (17 * 4 / 40))


def test_an_episode_without_a_warning_has_no_lead() -> None:
    depth = np.zeros((1, 40))
    depth[0, 20:] = -0.2
    found = record_alarms(np.full((9, 1), 0.1), np.zeros((9, 1)), depth, list(range(0, 36, 4)), threshold=0.1, horizon=8, level=0.5)
    assert (len(found.episodes), found.caught, found.false_alarms) == (1, 0, 0)
    assert math.isnan(found.median_lead)
