"""The drawdown head: what it may learn from, how its probabilities behave, and what a leak would buy."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from housing.crisis import DrawdownHead, walk_forward
from housing.crisis.logistic import fit_logistic, log_odds, sigmoid
from housing.crisis.outlook import steps_ahead
from housing.crisis.shares import Shares, mix
from housing.crisis.signals import build_signals, with_deflator_to_date
from housing.errors import ArtifactError, DataError, SettingsError
from housing.labels import DrawdownDefinition, drawdown_depth, onset_labels
from housing.panel import Floats, Panel
from housing.splits import refuse_leak

DEFINITION = DrawdownDefinition(threshold=0.10, horizon=4, peak_window=20)


def boom_and_bust(seed: int = 3, regions: int = 24, periods: int = 120) -> Panel:
    """Quarterly regions that share booms and busts, each in its own measure, with a little noise."""
    random = np.random.default_rng(seed)
    cycle = 0.015 * np.sin(2 * np.pi * np.arange(periods) / 40)
    own = np.zeros((regions, periods))
    for t in range(1, periods):
        own[:, t] = 0.8 * own[:, t - 1] + random.normal(0, 0.003, regions)
    growth = 0.003 + random.uniform(0.2, 2.0, regions)[:, None] * cycle + own
    level = np.cumsum(growth, axis=1) + random.normal(0, 0.003, (regions, periods))
    dates = np.datetime64("1990-01", "M") + 3 * np.arange(periods)
    return Panel(tuple(f"region {i}" for i in range(regions)), dates, "Q", 100 * np.exp(level))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return boom_and_bust()


@pytest.fixture(scope="module")
def head(panel: Panel) -> DrawdownHead:
    return DrawdownHead().fit(panel.until(100), DEFINITION)


def auc(label: Floats, score: Floats) -> float:
    positive, negative = score[label == 1], score[label == 0]
    return float((positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean())


def test_a_probability_is_between_0_and_1_and_absent_exactly_where_no_region_is_at_risk(panel: Panel) -> None:
    seen_absent = 0
    for origin in range(60, 119, 6):
        known = panel.until(origin)
        probability = DrawdownHead().fit(known, DEFINITION).predict(known)
        fallen = drawdown_depth(known, DEFINITION)[:, -1] <= -DEFINITION.threshold
        np.testing.assert_array_equal(np.isnan(probability), fallen)
        assert np.all((probability[~fallen] >= 0) & (probability[~fallen] <= 1))
        seen_absent += int(fallen.sum())
    assert seen_absent > 0


def test_the_future_changes_nothing_that_was_said(panel: Panel) -> None:
    scrambled = panel.price.copy()
    scrambled[:, 91:] *= 7.0
    altered = replace(panel, price=scrambled)
    for method, before in walk_forward(panel, DEFINITION, origins=[80, 90]).items():
        np.testing.assert_array_equal(walk_forward(altered, DEFINITION, origins=[80, 90])[method], before)


def test_walk_forward_answers_what_a_fit_at_the_origin_would(panel: Panel) -> None:
    known = panel.until(88)
    alone = DrawdownHead().fit(known, DEFINITION).predict(known)
    np.testing.assert_array_equal(walk_forward(panel, DEFINITION, origins=[76, 88])["ensemble"][1], alone)


def test_it_beats_the_base_rate_and_ranks_as_well_as_the_depth_alone(panel: Panel) -> None:
    origins = list(range(60, 115, 3))
    said = walk_forward(panel, DEFINITION, origins=origins)
    label = onset_labels(panel, DEFINITION)[:, origins].T
    scored = np.isfinite(label) & np.isfinite(said["ensemble"])
    y, ours, base = label[scored], said["ensemble"][scored], said["climatology"][scored]
    assert 20 < y.sum() < len(y) / 2
    assert ((ours - y) ** 2).mean() < 0.7 * ((base - y) ** 2).mean()
    assert auc(y, ours) >= auc(y, said["rule"][scored])


def test_a_random_fold_reaches_a_false_skill_and_is_refused() -> None:
    random = np.random.default_rng(0)
    walk = np.exp(np.cumsum(random.normal(0, 0.03, (40, 160)), axis=1))
    unpredictable = Panel(tuple(f"r{i}" for i in range(40)), np.datetime64("1980-01", "M") + 3 * np.arange(160), "Q", walk)
    label = onset_labels(unpredictable, DEFINITION)
    _, period = np.nonzero(np.isfinite(label))
    fold = np.random.default_rng(1).integers(0, 5, len(period))
    random_folds = [(fold != k, fold == k) for k in range(5)]
    purged = [(period <= origin - DEFINITION.horizon, (period > origin) & (period <= origin + 10)) for origin in range(60, 150, 10)]
    assert auc(*_memorised(label, random_folds)) > 0.85
    assert auc(*_memorised(label, purged)) < 0.6
    for train, test in purged:
        refuse_leak(period[train], period[test], DEFINITION.horizon)
    for train, test in random_folds:
        with pytest.raises(SettingsError, match="leak the future"):
            refuse_leak(period[train], period[test], DEFINITION.horizon)


def _memorised(label: Floats, folds: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Floats, Floats]:
    """Labels of the test rows, and what the nearest training period of the same region said."""
    region, period = np.nonzero(np.isfinite(label))
    labels, scores = [], []
    for train, test in folds:
        for i in np.flatnonzero(test):
            same = np.flatnonzero(train & (region == region[i]))
            if len(same):
                labels.append(label[region[i], period[i]])
                scores.append(label[region[i], period[same[np.abs(period[same] - period[i]).argmin()]]])
    return np.array(labels), np.array(scores)


def test_a_deeper_threshold_is_never_more_likely(panel: Panel, head: DrawdownHead) -> None:
    known = panel.until(100)
    likely = [head.predict(known, threshold=depth) for depth in (0.05, 0.1, 0.2)]
    for shallow, deep in pairwise(likely):
        both = np.isfinite(shallow) & np.isfinite(deep)
        assert both.any()
        assert np.all(deep[both] <= shallow[both])


def test_the_contributions_add_up_to_the_log_odds_of_the_probability(panel: Panel, head: DrawdownHead) -> None:
    known = panel.until(100)
    probability = head.predict(known)
    for entry, expected in zip(head.explain(known), probability, strict=True):
        if np.isnan(expected):
            assert entry["contributions"] == {}
            continue
        assert {"depth", "momentum", "turn", "market", "volatility"} <= entry["contributions"].keys()
        assert entry["base"] + sum(entry["contributions"].values()) == pytest.approx(entry["log_odds"], abs=1e-9)
        assert sigmoid(np.array(entry["log_odds"])) == pytest.approx(expected)


def test_being_lower_is_never_safer(panel: Panel, head: DrawdownHead) -> None:
    entries = [e for e in head.explain(panel.until(100)) if e["contributions"]]
    assert min(e["contributions"]["depth"] for e in entries) >= 0


def test_what_is_loaded_says_the_same_and_saving_twice_gives_the_same_bytes(panel: Panel, head: DrawdownHead, tmp_path) -> None:
    head.save(tmp_path / "a")
    again = DrawdownHead().fit(panel.until(100), DEFINITION)
    again.save(tmp_path / "b")
    assert [f.name for f in (tmp_path / "a").iterdir()] == ["crisis.json"]
    assert (tmp_path / "a/crisis.json").read_bytes() == (tmp_path / "b/crisis.json").read_bytes()
    known = panel.until(104)
    np.testing.assert_array_equal(DrawdownHead.load(tmp_path / "a").predict(known), head.predict(known))


def test_an_incomplete_file_is_named(tmp_path) -> None:
    (tmp_path / "crisis.json").write_text('{"definition": {"threshold": 0.1, "horizon": 4, "peak_window": 20}}')
    with pytest.raises(ArtifactError, match=r"crisis\.json"):
        DrawdownHead.load(tmp_path)


def test_one_region_alone_is_answered_as_among_all(panel: Panel, head: DrawdownHead) -> None:
    known = panel.until(100)
    everyone = head.predict(known)
    for i in (0, 5, 11):
        alone = head.predict(known.select([panel.regions[i]]))
        np.testing.assert_allclose(alone, everyone[i : i + 1], rtol=1e-12)


def test_a_region_that_the_fit_never_saw_gets_a_probability(panel: Panel, head: DrawdownHead) -> None:
    known = panel.until(100)
    stranger = replace(known.select([panel.regions[2]]), regions=("stranger",))
    np.testing.assert_allclose(head.predict(stranger), head.predict(known)[2:3])


def test_too_short_a_history_has_no_probability_and_too_small_a_panel_no_fit(panel: Panel, head: DrawdownHead) -> None:
    known = panel.until(100)
    price = known.price.copy()
    price[0, :-5] = np.nan
    probability = head.predict(replace(known, price=price))
    assert np.isnan(probability[0])
    assert np.isfinite(probability[1:]).any()
    with pytest.raises(DataError, match="at least 40"):
        DrawdownHead().fit(panel.until(8), DEFINITION)


def test_regions_left_out_of_the_definition_do_not_teach_but_are_answered(panel: Panel) -> None:
    known = panel.until(100)
    definition = replace(DEFINITION, regions=panel.regions[:12])
    wild = known.price.copy()
    wild[12:] = np.exp(np.random.default_rng(1).normal(4, 0.5, wild[12:].shape))
    calm = DrawdownHead().fit(known, definition).predict(known)
    shaken = DrawdownHead().fit(replace(known, price=wild), definition).predict(known)
    np.testing.assert_array_equal(calm, shaken)
    assert np.isfinite(calm[12:]).any()


def test_a_steady_market_without_a_crisis_has_no_risk() -> None:
    price = 100 * np.exp(np.cumsum(np.full((6, 60), 0.01), axis=1))
    price *= np.exp(np.random.default_rng(0).normal(0, 0.001, price.shape))
    steady = Panel(tuple("abcdef"), np.datetime64("2000-01", "M") + 3 * np.arange(60), "Q", price)
    probability = DrawdownHead().fit(steady, DEFINITION).predict(steady)
    assert np.all(probability < 0.005)


def test_a_peak_that_leaves_the_window_no_longer_counts() -> None:
    price = np.full((1, 40), 100.0)
    price[0, 22] = 110.0
    dates = np.datetime64("2000-01", "M") + 3 * np.arange(40)
    signals = build_signals(Panel(("a",), dates, "Q", price), DEFINITION)
    fallen = np.log(100 / 110)
    assert signals.standing(2)[0, -1] == pytest.approx(fallen)  # the window of 20 then begins at column 22
    assert signals.standing(3)[0, -1] == pytest.approx(0.0)
    assert signals.standing(25)[0, -1] == pytest.approx(0.0)
    assert signals.newest().standing(2).shape == (1, 1)


def test_the_voices_add_up_to_one_with_and_without_a_forecast() -> None:
    outlook, depth, implied = np.array([-1.0, -3.0]), np.array([-2.0, -2.0]), np.array([0.5, np.nan])
    for with_paths in (True, False):
        shares = Shares.of(with_paths)
        assert shares.outlook + shares.depth + shares.paths == pytest.approx(1)
    np.testing.assert_allclose(mix(implied, implied, implied)[0], 0.5)
    np.testing.assert_allclose(mix(outlook, depth, implied)[1], mix(outlook, depth, None)[1])


def test_another_frequency_is_refused(head: DrawdownHead) -> None:
    monthly = Panel(("a",), np.datetime64("2000-01", "M") + np.arange(60), "M", np.full((1, 60), 100.0))
    with pytest.raises(SettingsError, match="frequency M"):
        head.predict(monthly)
    with pytest.raises(SettingsError, match="not fitted"):
        DrawdownHead().predict(monthly)


def test_an_unpublished_deflator_goes_on_at_last_years_pace() -> None:
    index = 100 * 1.002 ** np.arange(36)
    dates, flat = np.datetime64("2000-01", "M") + np.arange(36), np.full((1, 36), 100.0)
    panel = Panel(("a",), dates, "M", flat, national={"cpi": index}, lags={"cpi": 2})
    definition = DrawdownDefinition(0.05, 12, 60, deflator="cpi")
    known = panel.until(35)
    assert np.isnan(known.national["cpi"][-2:]).all()
    np.testing.assert_allclose(with_deflator_to_date(known, definition).national["cpi"], index)


def test_a_covariate_is_used_only_once_it_is_published(panel: Panel) -> None:
    rate = np.random.default_rng(5).uniform(3, 9, panel.price.shape)
    informed = replace(panel, covariates={"rate": rate}, lags={"rate": 2})
    later = rate.copy()
    later[:, 99:] = 50.0
    surprised = replace(panel, covariates={"rate": later}, lags={"rate": 2})
    said = [walk_forward(p, DEFINITION, origins=[100])["ensemble"] for p in (informed, surprised)]
    np.testing.assert_array_equal(*said)
    assert not np.array_equal(said[0], walk_forward(panel, DEFINITION, origins=[100])["ensemble"], equal_nan=True)


def test_steps_end_at_the_horizon() -> None:
    assert steps_ahead(4) == [1, 2, 3, 4]
    assert steps_ahead(24) == list(range(2, 25, 2))
    assert steps_ahead(18)[-1] == 18
    assert len(steps_ahead(60)) == 12


def test_the_logistic_finds_known_coefficients_and_stays_at_its_prior_without_data() -> None:
    random = np.random.default_rng(2)
    x = np.column_stack([np.ones(20_000), random.normal(size=20_000)])
    y = (random.uniform(size=20_000) < sigmoid(x @ np.array([-1.0, 2.0]))).astype(float)
    prior = np.array([0.3, 1.7])
    found = fit_logistic(x, y, np.ones(len(y)), np.full(2, 1e-6), np.zeros(2))
    np.testing.assert_allclose(found, [-1, 2], atol=0.08)
    np.testing.assert_allclose(fit_logistic(x[:0], y[:0], y[:0], np.ones(2), prior), prior)
    np.testing.assert_allclose(log_odds(sigmoid(prior)), prior)
