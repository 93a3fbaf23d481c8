"""The feature engine looks back only, and says the same of a region in training, in serving, alone or in company."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from housing.features import Market, build_features
from housing.features.trend import Trend
from housing.features.windows import forward_fill, lag, trailing_max, trailing_mean, trailing_std
from housing.panel import Panel


def make_panel(regions: int = 5, periods: int = 96, frequency: str = "M", seed: int = 0) -> Panel:
    """Noisy seasonal prices with gaps, a lagged and an unlagged covariate."""
    generator = np.random.default_rng(seed)
    season = 12 if frequency == "M" else 4
    level = np.cumsum(generator.normal(0.003, 0.01, (regions, periods)), axis=1) + generator.normal(12, 0.3, (regions, 1))
    wave = 0.05 * np.sin(2 * np.pi * np.arange(periods) / season)
    price = np.exp(level + wave + generator.normal(0, 0.03, level.shape))
    price[generator.random(price.shape) < 0.05] = np.nan
    price[1, :30] = np.nan
    covariates = {"sales": generator.lognormal(4, 0.3, price.shape), "rate": generator.normal(5, 1, price.shape)}
    dates = np.datetime64("2000-01", "M") + np.arange(periods) * (12 // season)
    return Panel(tuple(f"r{i}" for i in range(regions)), dates, frequency, price, covariates, lags={"rate": 2})  # type: ignore[arg-type]


def brute(values: np.ndarray, window: int, reduce: object) -> np.ndarray:
    """The same reduction, written as the definition says it."""
    answer = np.full(values.shape, np.nan)
    for i in range(values.shape[0]):
        for t in range(values.shape[1]):
            seen = values[i, max(0, t - window + 1) : t + 1]
            seen = seen[~np.isnan(seen)]
            if len(seen):
                answer[i, t] = reduce(seen)  # type: ignore[operator]
    return answer


@pytest.mark.parametrize("window", [1, 3, 12, 500])
def test_trailing_windows_agree_with_their_definition(window: int) -> None:
    values = make_panel().log_price
    np.testing.assert_allclose(trailing_mean(values, window), brute(values, window, np.mean), atol=1e-12)
    np.testing.assert_allclose(trailing_max(values, window), brute(values, window, np.max), atol=1e-12)
    expected = np.where(brute(values, window, len) >= 2, brute(values, window, np.std), np.nan)
    np.testing.assert_allclose(trailing_std(values, window), expected, atol=1e-7)


def test_forward_fill_stops_at_its_limit() -> None:
    values = np.array([[np.nan, 1.0, np.nan, np.nan, np.nan, 2.0]])
    np.testing.assert_array_equal(forward_fill(values, 2), [[np.nan, 1.0, 1.0, 1.0, np.nan, 2.0]])
    np.testing.assert_array_equal(lag(values, 1), [[np.nan, np.nan, 1.0, np.nan, np.nan, np.nan]])


@pytest.mark.parametrize("frequency", ["M", "Q"])
def test_a_changed_future_changes_no_earlier_row(frequency: str) -> None:
    panel, cut = make_panel(frequency=frequency), 60
    later = np.arange(len(panel.dates)) > cut
    changed = replace(
        panel,
        price=np.where(later, panel.price * 7, panel.price),
        covariates={name: np.where(later, -values, values) for name, values in panel.covariates.items()},
    )
    before, after = (build_features(p).values[:, : cut + 1] for p in (panel, changed))
    np.testing.assert_array_equal(before, after)


def test_a_training_row_never_reads_a_covariate_before_it_was_published() -> None:
    panel, cut = make_panel(), 60
    unpublished = np.arange(len(panel.dates)) > cut - panel.lags["rate"]
    changed = replace(panel, covariates={**panel.covariates, "rate": np.where(unpublished, 99.0, panel.covariates["rate"])})
    rows = [build_features(p).values[:, cut] for p in (panel, changed)]
    np.testing.assert_array_equal(*rows)
    assert not np.array_equal(build_features(panel).values[:, cut + 1], build_features(changed).values[:, cut + 1])


def test_a_training_row_is_the_serving_row_of_its_date() -> None:
    panel = make_panel()
    block = build_features(panel)
    for column in (30, 61, 95):
        served = build_features(panel.until(column), np.array([column]))
        assert served.names == block.names
        np.testing.assert_array_equal(served.values[:, 0], block.values[:, column])


def test_a_known_region_gets_the_same_bits_alone_as_in_the_whole_panel() -> None:
    panel = make_panel()
    market = Market.of(panel)
    whole = build_features(panel)
    alone = build_features(panel.select(["r3"]), market=market)
    np.testing.assert_array_equal(alone.values[0], whole.values[3])


def test_a_region_whose_data_outlive_the_market_takes_its_last_cross_section() -> None:
    panel = make_panel()
    block = build_features(panel.select(["r2"]), market=Market.of(panel.until(80)))
    shared = [i for i, name in enumerate(block.names) if name.startswith("market_")]
    assert shared
    np.testing.assert_array_equal(block.values[0, 90, shared], block.values[0, 80, shared])


def test_a_region_before_the_market_began_has_no_cross_section() -> None:
    panel = make_panel()
    late = replace(panel, dates=panel.dates + 1200)
    block = build_features(panel.select(["r2"]), market=Market.of(late))
    shared = [i for i, name in enumerate(block.names) if name.startswith("market_")]
    assert np.isnan(block.values[0][:, shared]).all()


def test_every_feature_has_a_name_a_group_and_single_precision() -> None:
    block = build_features(make_panel())
    assert block.values.dtype == np.float32
    assert len(set(block.names)) == len(block.names) == len(block.groups) == block.values.shape[2]
    assert {"momentum", "trend", "noise", "market", "sales", "rate"} == set(block.groups)


def test_arranging_fills_a_feature_that_the_panel_lacks_with_nan() -> None:
    panel = make_panel()
    names = build_features(panel).names
    bare = build_features(panel.without_covariates()).arranged(names)
    missing = [i for i, name in enumerate(names) if "sales" in name]
    assert missing
    assert np.isnan(bare[..., missing]).all()
    assert np.isfinite(bare[0, -1, names.index("growth_12m")])


def test_features_do_not_depend_on_the_price_unit() -> None:
    panel = make_panel()
    thousand = build_features(replace(panel, price=panel.price * 1000))
    np.testing.assert_allclose(build_features(panel).values, thousand.values, rtol=1e-3, atol=1e-4)


def test_the_seasonal_factor_finds_the_season_of_a_regular_series() -> None:
    season = 0.1 * np.sin(2 * np.pi * np.arange(120) / 12)
    dates = np.datetime64("2000-01", "M") + np.arange(120)
    factor = Trend.of(Panel(("a",), dates, "M", np.exp(12 + season)[None])).seasonal(np.array([119]), 12)[0, 0]
    # Shrunk, since a factor from a few years is mostly noise.
    np.testing.assert_allclose(factor, season[:12] * 5 / 6, atol=0.01)
