"""Features are computed for a few regions at a time: how many, and which windows share their sums, changes no bit."""

from __future__ import annotations

import numpy as np
import pytest

from housing.features import Market, build_features, regions
from housing.features.trend import Trend
from housing.features.windows import Trailing, change, lag, trailing_max, trailing_mean, trailing_std
from housing.panel import Panel

WINDOWS = (1, 2, 3, 5, 12, 24, 60, 500)


def panel_with_gaps(count: int, periods: int = 90, seed: int = 0) -> Panel:
    """Late starts, gaps, one region that was never seen and one that ends early."""
    generator = np.random.default_rng(seed)
    price = np.exp(12 + np.cumsum(generator.normal(0.002, 0.02, (count, periods)), axis=1))
    price[np.arange(periods) < generator.integers(0, periods // 2, (count, 1))] = np.nan
    price[generator.random(price.shape) < 0.05] = np.nan
    price[0], price[1, periods // 2 :] = np.nan, np.nan
    sales = generator.lognormal(4, 0.3, price.shape)
    sales[generator.random(price.shape) < 0.3] = np.nan
    dates = np.datetime64("2000-01", "M") + np.arange(periods)
    return Panel(tuple(f"r{i}" for i in range(count)), dates, "M", price, {"sales": sales}, lags={"sales": 2})


@pytest.mark.parametrize("together", [1, 3, 7, 1000])
def test_the_bits_do_not_depend_on_how_many_regions_are_worked_on_together(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_with_gaps(regions.BLOCK // 4)
    market, block = Market.of(panel), build_features(panel)
    monkeypatch.setattr(regions, "BLOCK", together)
    again = Market.of(panel)
    np.testing.assert_array_equal(build_features(panel).values, block.values)
    np.testing.assert_array_equal(again.seasonal, market.seasonal)
    assert again.means.keys() == market.means.keys()
    for name, mean in market.means.items():
        np.testing.assert_array_equal(again.means[name], mean)


def test_the_features_of_a_large_panel_are_those_of_its_regions_alone() -> None:
    panel = panel_with_gaps(2 * regions.BLOCK + 1)
    market, block = Market.of(panel), build_features(panel)
    for row in (0, 1, regions.BLOCK - 1, regions.BLOCK, 2 * regions.BLOCK):
        alone = build_features(panel.select([f"r{row}"]), market=market)
        np.testing.assert_array_equal(alone.values[0], block.values[row])


@pytest.mark.parametrize("gaps", [False, True])
def test_windows_that_share_their_sums_give_the_bits_of_each_window_alone(gaps: bool) -> None:
    values = np.log(panel_with_gaps(20).price) if gaps else np.random.default_rng(1).normal(12, 1, (20, 90))
    shared = Trailing(np.asfortranarray(values))
    for _ in range(2):
        for window in WINDOWS:
            np.testing.assert_array_equal(shared.std(window), trailing_std(values, window))
            np.testing.assert_array_equal(shared.mean(window, 3), trailing_mean(values, window, 3))
            np.testing.assert_array_equal(shared.max(window), trailing_max(values, window))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_with_too_few_values_is_unknown(window: int) -> None:
    values = np.random.default_rng(2).normal(size=(3, 40))
    for minimum in (1, 2, 6, 39, 40, 41):
        known = np.minimum(np.arange(40) + 1, window) >= minimum
        np.testing.assert_array_equal(np.isfinite(trailing_mean(values, window, minimum)), np.broadcast_to(known, values.shape))


def test_a_change_is_the_value_less_the_earlier_one() -> None:
    values = panel_with_gaps(5).log_price
    for periods in (1, 12, 90, 100):
        np.testing.assert_array_equal(change(values, periods), values - lag(values, periods))


def test_the_seasonal_factor_is_the_shrunk_mean_deviation_of_its_period_over_five_years() -> None:
    trend = Trend.of(panel_with_gaps(6, periods=100))
    columns = np.array([0, 5, 40, 99])
    found = trend.seasonal(columns, 14)
    for i, row in enumerate(trend.deviation):
        for j, column in enumerate(columns):
            past = row[max(0, column - 59) : column + 1]
            for step in range(1, 15):
                newest = column + step - (12 if step <= 12 else 24)
                same = np.array([row[c] for c in range(newest, newest - 60, -12) if c >= 0])
                same = same[~np.isnan(same)]
                expected = (same.sum() - len(same) * np.nanmean(past)) / (len(same) + 1) if len(same) else 0.0
                np.testing.assert_allclose(found[i, j, step - 1], expected, atol=1e-12)


def test_the_noise_of_a_short_history_is_that_of_its_monthly_changes() -> None:
    trend = Trend.of(panel_with_gaps(6))
    changes = np.diff(trend.observed, axis=1, prepend=np.nan)
    unexplained = trend.deviation - lag(trend.deviation, 12)
    for i in range(len(changes)):
        expected = np.nan
        for t in range(changes.shape[1]):
            for source, minimum in ((unexplained, 6), (changes, 2)):
                seen = source[i, max(0, t - 59) : t + 1]
                if (~np.isnan(seen)).sum() >= minimum:
                    expected = np.nanstd(seen)
                    break
            np.testing.assert_allclose(trend.noise[i, t], max(1e-3, np.nan_to_num(expected)), rtol=1e-6)
