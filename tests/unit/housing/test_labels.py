"""Drawdowns look back, labels look ahead by their horizon and no further."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housing.errors import DataError, SettingsError
from housing.labels import (
    DrawdownDefinition,
    carry_forward,
    drawdown_depth,
    drawdown_level,
    onset_labels,
    trailing_mean,
    trailing_peak,
)
from housing.panel import Floats, Panel


def panel(price: list[list[float]] | Floats, frequency: str = "Q", **national: list[float]) -> Panel:
    values = np.array(price, dtype=float)
    step = {"M": 1, "Q": 3}[frequency]
    return Panel(
        regions=tuple(f"r{i}" for i in range(len(values))),
        dates=np.datetime64("2000-01", "M") + np.arange(values.shape[1]) * step,
        frequency=frequency,  # type: ignore[arg-type]
        price=values,
        national={name: np.array(series, dtype=float) for name, series in national.items()},
    )


def slow_labels(price: list[float], threshold: float, horizon: int, peak: int, minimum: int) -> list[float]:
    """The rule in words: one region, loops, no arrays."""
    depth = []
    for t in range(len(price)):
        window = [p for p in price[max(0, t - peak + 1) : t + 1] if not math.isnan(p)]
        depth.append(price[t] / max(window) - 1 if len(window) >= minimum else math.nan)
    labels = []
    for t in range(len(price)):
        observed = t + horizon < len(price) and not math.isnan(depth[t + horizon])
        if not observed or math.isnan(depth[t]) or depth[t] <= -threshold:
            labels.append(math.nan)
        else:
            labels.append(float(any(d <= -threshold for d in depth[t + 1 : t + horizon + 1])))
    return labels


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(50, 150), min_size=3, max_size=40), st.integers(1, 6), st.integers(4, 12))
def test_labels_agree_with_the_rule_in_words(prices: list[float], horizon: int, peak: int) -> None:
    definition = DrawdownDefinition(0.10, horizon, peak)
    expected = slow_labels(prices, 0.10, horizon, peak, 4)
    np.testing.assert_array_equal(onset_labels(panel([prices]), definition)[0], expected)


def test_a_fall_is_an_onset_only_before_it_and_while_above() -> None:
    prices = [100, 100, 100, 100, 100, 100, 85, 85, 85, 85]
    label = onset_labels(panel([prices]), DrawdownDefinition(0.10, 2, 20))[0]
    np.testing.assert_array_equal(label, [np.nan] * 3 + [0, 1, 1, np.nan, np.nan, np.nan, np.nan])


def test_an_unobserved_future_is_no_label_even_after_a_fall() -> None:
    prices = [100, 100, 100, 100, 85]
    assert np.isnan(onset_labels(panel([prices]), DrawdownDefinition(0.10, 2, 20))[0]).all()


def test_a_horizon_longer_than_the_panel_labels_nothing() -> None:
    assert np.isnan(onset_labels(panel([[1, 2, 3, 4, 5]]), DrawdownDefinition(0.1, 9, 20))).all()


def test_labels_of_the_past_never_change_with_the_future() -> None:
    rng = np.random.default_rng(3)
    prices = np.exp(np.cumsum(rng.normal(0, 0.05, (5, 60)), axis=1))
    definition = DrawdownDefinition(0.10, 4, 20, smoothing=3)
    whole, depth = onset_labels(panel(prices), definition), drawdown_depth(panel(prices), definition)
    for end in (25, 40, 59):
        cut = panel(prices[:, : end + 1])
        np.testing.assert_allclose(drawdown_depth(cut, definition), depth[:, : end + 1], rtol=1e-12)
        np.testing.assert_array_equal(onset_labels(cut, definition)[:, : end - 3], whole[:, : end - 3])


def test_gaps_are_carried_forward_for_half_a_year_and_never_interpolated() -> None:
    gap = np.nan
    prices = np.array([[100, gap, gap, gap, 200.0]])
    np.testing.assert_array_equal(carry_forward(prices, 2), [[100, 100, 100, gap, 200]])
    level = drawdown_level(panel(prices), DrawdownDefinition(0.1, 1, 4))
    np.testing.assert_array_equal(level, [[100, 100, 100, gap, 200]])


def test_the_mean_needs_three_quarters_of_its_window() -> None:
    values = np.array([[4.0, np.nan, 8.0, 6.0, np.nan, np.nan]])
    np.testing.assert_allclose(trailing_mean(values, 4), [[np.nan, np.nan, np.nan, 6, np.nan, np.nan]])


@pytest.mark.parametrize("window", [1, 2, 5, 12, 30, 60])
def test_the_peak_is_the_largest_observation_of_its_window(window: int) -> None:
    values = np.random.default_rng(0).normal(size=(3, 30))
    values[0, 3:9] = np.nan
    expected = [[np.fmax.reduce(row[max(0, t - window + 1) : t + 1]) for t in range(30)] for row in values]
    np.testing.assert_array_equal(trailing_peak(values, window), expected)


def test_real_prices_are_divided_by_the_deflator_that_was_known() -> None:
    definition = DrawdownDefinition(0.05, 1, 20, deflator="cpi")
    inflated = panel([[100.0] * 6], cpi=[100, 100, 100, 100, 110, 110])
    np.testing.assert_allclose(drawdown_depth(inflated, definition)[0, 3:], [0, 100 / 110 - 1, 100 / 110 - 1])
    late = panel([[100.0] * 6], cpi=[100, 100, 100, 100, 110, np.nan])
    np.testing.assert_allclose(drawdown_depth(late, definition), drawdown_depth(inflated, definition))
    with pytest.raises(DataError, match="deflator cpi: not a national column"):
        drawdown_depth(panel([[1.0, 2.0]]), definition)


def test_only_the_named_regions_are_labelled() -> None:
    prices = np.full((3, 12), 100.0)
    label = onset_labels(panel(prices), DrawdownDefinition(0.1, 2, 8, regions=("r1",)))
    assert np.isfinite(label[1]).any()
    assert np.isnan(label[[0, 2]]).all()


def test_a_definition_survives_json() -> None:
    definition = DrawdownDefinition(0.05, 12, 60, 12, "cpi", ("a", "b"))
    assert DrawdownDefinition.from_json(definition.to_json()) == definition
    with pytest.raises(DataError, match="drawdown definition"):
        DrawdownDefinition.from_json({"threshold": 0.1})


def test_the_default_definition_is_five_years_and_one_year_ahead() -> None:
    assert DrawdownDefinition.default(panel([[1.0]], "M")) == DrawdownDefinition(0.10, 12, 60)
    assert DrawdownDefinition.default(panel([[1.0]], "Q"), 0.2, 8) == DrawdownDefinition(0.2, 8, 20)


@pytest.mark.parametrize("fields", [(0, 12, 60), (1, 12, 60), (-0.1, 12, 60), (0.1, 0, 60), (0.1, 12, 0)])
def test_meaningless_definitions_are_refused(fields: tuple[float, int, int]) -> None:
    with pytest.raises(SettingsError, match="drawdown"):
        DrawdownDefinition(*fields)
