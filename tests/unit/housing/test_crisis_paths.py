"""What quantile paths imply for a drawdown, and how the errors of their steps go together."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from housing.backtest import Backtest
from housing.crisis import DrawdownHead, walk_forward
from housing.crisis.dependence import DEFAULT_MEMORY, combined_paths, error_scores, estimate_memory
from housing.crisis.logistic import sigmoid
from housing.crisis.paths import SCORES, _correlated_scores, _draw, paths_probability
from housing.labels import DrawdownDefinition, drawdown_depth
from housing.panel import Floats, Panel

MONTHLY = DrawdownDefinition(threshold=0.05, horizon=12, peak_window=60, smoothing=12, deflator="cpi")


def noisy_panel(regions: int = 6, periods: int = 120, seed: int = 0) -> Panel:
    random = np.random.default_rng(seed)
    level = np.cumsum(random.normal(0.002, 0.006, (regions, periods)), axis=1) + random.normal(0, 0.03, (regions, periods))
    price = 100 * np.exp(level)
    price[0, 110:114] = np.nan
    dates = np.datetime64("2000-01", "M") + np.arange(periods)
    return Panel(tuple(f"r{i}" for i in range(regions)), dates, "M", price, national={"cpi": 100 * 1.002 ** np.arange(periods)})


def normal_paths(panel: Panel, horizon: int, drift: float = 0.0, spread: float = 0.05) -> Floats:
    """Quantiles of a normal log price around the last observation, (N, H, 9)."""
    last = np.nanmean(panel.log_price[:, -3:], axis=1)
    steps = np.arange(1, horizon + 1)
    return last[:, None, None] + drift * steps[None, :, None] + spread * SCORES


def rolled(panel: Panel, horizon: int, origins: list[int], wrong: Floats | None = None) -> Backtest:
    """A backtest whose one member says the last price with a fixed spread."""
    values = np.stack([normal_paths(panel.until(o), horizon) for o in origins]).astype(np.float32)
    return Backtest(panel.regions, np.array(origins), horizon, {"plain": values if wrong is None else wrong})


def test_the_share_of_falling_paths_is_what_the_definition_says_of_each_path() -> None:
    panel = noisy_panel()
    quantiles = normal_paths(panel, 12, drift=-0.008)
    drawn = _draw(quantiles, _correlated_scores(12, 0.6))
    ahead = panel.dates[-1] + np.arange(1, 13)
    cpi = np.concatenate([panel.national["cpi"], 100 * 1.002 ** np.arange(120, 132)])
    fallen = []
    for path in range(0, 500, 25):
        price = np.concatenate([panel.price, drawn[:, path]], axis=1)
        whole = Panel(panel.regions, np.concatenate([panel.dates, ahead]), "M", price, national={"cpi": cpi})
        fallen.append((drawdown_depth(whole, MONTHLY)[:, -12:] <= -MONTHLY.threshold).any(axis=1))
    one_in_25 = np.array(fallen)
    probability = paths_probability(panel, MONTHLY, quantiles, 0.6)
    assert 0.05 < probability.mean() < 0.95
    np.testing.assert_allclose(one_in_25.mean(axis=0), probability, atol=0.25)
    assert abs(one_in_25.mean() - probability.mean()) < 0.06


def test_without_smoothing_one_step_has_the_probability_of_its_quantiles() -> None:
    dates = np.datetime64("2000-01", "M") + 3 * np.arange(40)
    flat = Panel(("a", "b"), dates, "Q", np.full((2, 40), 100.0))
    definition = DrawdownDefinition(0.10, 1, 20)
    quantiles = np.log(100.0) + np.array([0.05, 0.2])[:, None, None] * SCORES
    expected = [NormalDist(0, s).cdf(np.log(0.9)) for s in (0.05, 0.2)]
    np.testing.assert_allclose(paths_probability(flat, definition, quantiles, 1.0), expected, atol=0.03)


def test_independent_errors_average_out_under_smoothing_and_remembered_ones_do_not() -> None:
    panel = noisy_panel(seed=4)
    quantiles = normal_paths(panel, 12, spread=0.08)
    forgetful, mindful = (paths_probability(panel, MONTHLY, quantiles, memory) for memory in (0.0, 1.0))
    assert forgetful.mean() < 0.7 * mindful.mean()


def test_a_region_without_a_forecast_or_a_level_has_no_implied_probability() -> None:
    panel = noisy_panel()
    quantiles = normal_paths(panel, 12)
    quantiles[1] = np.nan
    price = panel.price.copy()
    price[2, -20:] = np.nan
    probability = paths_probability(replace(panel, price=price), MONTHLY, quantiles, 0.8)
    assert np.isnan(probability[[1, 2]]).all()
    assert np.isfinite(probability[[0, 3, 4, 5]]).all()


@pytest.mark.parametrize("memory", [0.0, 0.5, 1.0])
def test_the_memory_of_errors_is_found_again(memory: float) -> None:
    regions, horizon = 400, 8
    random = np.random.default_rng(int(10 * memory))
    walk = np.cumsum(random.normal(size=(regions, horizon)), axis=1) / np.sqrt(np.arange(1, horizon + 1))
    scores = np.sqrt(memory) * walk + np.sqrt(1 - memory) * random.normal(size=(regions, horizon))
    dates = np.datetime64("2000-01", "M") + np.arange(20 + horizon)
    log_price = np.concatenate([np.zeros((regions, 20)), 0.1 * scores], axis=1)
    panel = Panel(tuple(f"r{i}" for i in range(regions)), dates, "M", np.exp(log_price))
    paths = np.broadcast_to(0.1 * SCORES, (1, regions, horizon, 9))
    np.testing.assert_allclose(error_scores(paths[0], 0.1 * scores), np.clip(scores, -4, 4), atol=1e-9)
    assert estimate_memory(panel, [19], paths) == pytest.approx(memory, abs=0.08)


def test_errors_after_the_origin_are_not_used() -> None:
    panel = noisy_panel(regions=40)
    paths = rolled(panel, 12, [60, 90]).values["plain"].astype(np.float64)
    known = panel.until(72)
    scrambled = replace(panel, price=np.where(np.arange(120) > 72, panel.price * 3, panel.price)).until(72)
    assert estimate_memory(known, [60], paths[:1]) == estimate_memory(scrambled, [60], paths[:1])
    assert estimate_memory(known, [], paths[:0]) == DEFAULT_MEMORY
    assert estimate_memory(panel.until(60), [60], paths[:1]) == DEFAULT_MEMORY


def test_the_paths_are_one_voice_and_the_reasons_say_so() -> None:
    panel = noisy_panel(regions=12, periods=160).until(150)
    definition = replace(MONTHLY, regions=None)
    head = DrawdownHead().fit(panel, definition, rolled(panel, 12, [100, 110, 120, 130]))
    quantiles = normal_paths(panel, 12, drift=-0.003)
    alone, blended = head.predict(panel), head.predict(panel, quantiles)
    assert np.isfinite(blended).any()
    for entry, mixed, own in zip(head.explain(panel, quantiles), blended, alone, strict=True):
        if np.isfinite(mixed):
            assert entry["base"] + sum(entry["contributions"].values()) == pytest.approx(entry["log_odds"])
            assert sigmoid(np.array(entry["log_odds"])) == pytest.approx(mixed)
            assert entry["contributions"]["paths"] != 0
            assert mixed != own


def test_the_walk_uses_the_forecast_of_each_origin_and_none_after_it() -> None:
    panel = noisy_panel(regions=12, periods=160)
    origins = [100, 110, 120, 130]
    backtest = rolled(panel, 12, origins)
    said = walk_forward(panel, MONTHLY, backtest)["ensemble"]
    wrong = backtest.values["plain"].copy()
    wrong[2:] -= 1.0
    misled = walk_forward(panel, MONTHLY, rolled(panel, 12, origins, wrong))["ensemble"]
    np.testing.assert_array_equal(said[:2], misled[:2])
    at_risk = np.isfinite(said[2])
    assert np.all(misled[2][at_risk] > said[2][at_risk])
    assert combined_paths(panel, backtest).shape == (4, 12, 12, 9)
