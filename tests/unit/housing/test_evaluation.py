"""An evaluation states every member and method beside the baselines, on the rows that all of them share."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from housing.backtest import Backtest
from housing.errors import DataError
from housing.evaluation import Evaluation, drawdown_backtest, evaluate
from housing.evaluation.onsets import ALARM_LEVEL, climatology
from housing.evaluation.slices import eras, horizon_blocks, overlap
from housing.labels import DrawdownDefinition, drawdown_depth, onset_labels
from housing.panel import Panel

DEFINITION = DrawdownDefinition(0.10, 4, 20)
ORIGINS = np.arange(40, 112, 2)


def crash_panel() -> Panel:
    """Synthetic: twelve regions, a common fall around column 80."""
    rng = np.random.default_rng(7)
    growth = rng.normal(0.01, 0.015, (12, 120))
    growth[:9, 76:86] -= 0.04
    return Panel(tuple(f"r{i}" for i in range(12)), np.datetime64("1985-01", "M") + np.arange(120) * 3, "Q", np.exp(5 + growth.cumsum(1)))


def synthetic_backtest(panel: Panel, horizon: int = 4) -> Backtest:
    """The ensemble is centred on the truth, the baselines are not."""
    rng = np.random.default_rng(1)
    steps = ORIGINS[:, None] + np.arange(1, horizon + 1)
    truth = panel.log_price[:, steps].transpose(1, 0, 2)[..., None]
    bands = np.linspace(-1.3, 1.3, 9)
    error = rng.normal(0, 1, truth.shape)
    values = {
        name: (truth + size * error + bias + size * bands).astype(np.float32)
        for name, size, bias in (("naive", 0.05, 0.05), ("drift", 0.05, 0.08), ("momentum", 0.05, 0.0), ("ensemble", 0.03, 0.0))
    }
    labels = onset_labels(panel, DEFINITION)[:, ORIGINS].T
    depth = drawdown_depth(panel, DEFINITION)[:, ORIGINS].T
    good = np.where(depth > -0.1, np.where(labels == 1, 0.7, 0.02), np.nan)
    return Backtest(panel.regions, ORIGINS, horizon, values, {"ensemble": good})


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    panel = crash_panel()
    return evaluate(panel, synthetic_backtest(panel), DEFINITION)


def test_members_stand_best_first_with_their_baselines(evaluation: Evaluation) -> None:
    assert evaluation.members[0].name == "ensemble"
    assert {score.name for score in evaluation.members if score.baseline} == {"naive", "drift", "momentum"}
    naive, ensemble = evaluation.member("naive"), evaluation.member("ensemble")
    assert naive.ratio.value == 1
    assert ensemble.ratio.value == pytest.approx(ensemble.overall.scaled_loss / naive.overall.scaled_loss)
    assert ensemble.ratio.low <= ensemble.ratio.value <= ensemble.ratio.high < 1


def test_the_sums_by_origin_are_those_of_the_brier_score(evaluation: Evaluation) -> None:
    for score in evaluation.methods:
        if score.ranks_only:
            assert score.by_origin == ()
            continue
        rows = sum(part.rows for part in score.by_origin)
        assert rows == score.overall.rows
        assert sum(part.squared_error for part in score.by_origin) / rows == pytest.approx(score.overall.brier)


def test_the_candidate_is_compared_with_every_other_member(evaluation: Evaluation) -> None:
    assert set(evaluation.comparisons) == {"naive", "drift", "momentum"}
    ratio = evaluation.comparisons["drift"]
    expected = evaluation.member("ensemble").overall.scaled_loss / evaluation.member("drift").overall.scaled_loss
    assert ratio.value == pytest.approx(expected)
    assert ratio.low < ratio.value < ratio.high


def test_slices_add_up_to_the_whole(evaluation: Evaluation) -> None:
    for score in evaluation.members:
        for slices in (score.blocks, score.horizons, score.eras):
            assert sum(part.cells for part in slices) == score.overall.cells == len(ORIGINS) * 12 * 4
        assert score.worst_loss.scaled_loss >= score.overall.scaled_loss
        assert score.worst_coverage.coverage <= score.overall.coverage


def test_a_cell_that_one_member_lacks_is_scored_for_none() -> None:
    panel = crash_panel()
    backtest = synthetic_backtest(panel)
    backtest.values["drift"][0, 0] = np.nan
    scored = evaluate(panel, backtest, DEFINITION)
    assert {score.overall.cells for score in scored.members} == {len(ORIGINS) * 12 * 4 - 4}


def test_only_scored_origins_count() -> None:
    panel = crash_panel()
    scored = evaluate(panel, synthetic_backtest(panel), DEFINITION, ORIGINS[-6:])
    assert len(scored.origins) == 6
    assert scored.member("ensemble").overall.cells == 6 * 12 * 4


def test_climatology_knows_only_matured_labels() -> None:
    labels = np.array([[0.0, 0, 1, 1, 1, np.nan, np.nan]])
    np.testing.assert_allclose(climatology(labels, [1, 3, 4, 6], 2), [np.nan, 0, 1 / 3, 3 / 5])


def test_good_probabilities_beat_climatology_and_the_rule_stands_beside(evaluation: Evaluation) -> None:
    names = [score.name for score in evaluation.methods]
    assert set(names) == {"climatology", "rule", "ensemble"}
    ensemble, rule, base = (evaluation.method(name) for name in ("ensemble", "rule", "climatology"))
    assert ensemble and rule and base
    assert ensemble.overall.auc == 1
    assert ensemble.overall.skill > 0.5
    assert base.overall.skill == 0
    assert rule.ranks_only and np.isnan(rule.overall.brier) and 0 < rule.overall.auc < 1
    assert {score.overall.rows for score in evaluation.methods} == {ensemble.overall.rows}


def test_every_onset_that_could_be_seen_is_an_episode(evaluation: Evaluation) -> None:
    ensemble = evaluation.method("ensemble")
    assert ensemble
    assert ensemble.alarms.level == ALARM_LEVEL
    assert ensemble.alarms.episodes == ensemble.alarms.caught == 9
    assert 1 <= ensemble.alarms.median_lead <= 4
    assert ensemble.alarms.false_alarms == 0


def test_probabilities_may_have_more_origins_than_the_paths() -> None:
    panel = crash_panel()
    whole = synthetic_backtest(panel)
    scored = evaluate(panel, whole, DEFINITION, ORIGINS[-4:], risk=replace(whole, values={}))
    ensemble = scored.method("ensemble")
    assert ensemble
    assert ensemble.overall.positives > 0
    assert (len(scored.origins), len(scored.risk_origins)) == (4, len(ORIGINS))


def test_the_walked_probabilities_reach_back_in_quarters_to_the_first_that_can_be_learned() -> None:
    panel = crash_panel()
    risk = drawdown_backtest(panel.until(43), DEFINITION)
    assert risk.origins.tolist() == list(range(20, 40))
    assert {"ensemble", "climatology", "rule"} <= set(risk.drawdown)
    assert drawdown_backtest(panel.until(10), DEFINITION).origins.size == 0


def test_a_forecast_has_its_say_at_the_origins_that_have_one() -> None:
    panel = crash_panel().until(63)
    backtest = synthetic_backtest(crash_panel()).select_origins([48])
    alone, together = drawdown_backtest(panel, DEFINITION), drawdown_backtest(panel, DEFINITION, backtest)
    differs = ~np.isclose(alone.drawdown["ensemble"], together.drawdown["ensemble"], equal_nan=True).all(axis=1)
    assert alone.origins[differs].tolist() == [48]


def test_a_panel_too_short_for_any_probability_has_no_methods() -> None:
    panel = crash_panel()
    risk = drawdown_backtest(panel.until(10), DEFINITION)
    assert evaluate(panel, synthetic_backtest(panel), DEFINITION, risk=risk).methods == ()


def test_a_calm_span_leaves_ranking_undefined_and_does_not_fail() -> None:
    panel = crash_panel()
    scored = evaluate(panel, synthetic_backtest(panel), DEFINITION, ORIGINS[:5])
    ensemble = scored.method("ensemble")
    assert ensemble
    assert np.isnan(ensemble.overall.auc)
    assert ensemble.overall.positives == 0


def test_without_probabilities_there_are_no_methods() -> None:
    panel = crash_panel()
    assert evaluate(panel, replace(synthetic_backtest(panel), drawdown={}), DEFINITION).methods == ()


def test_the_record_is_json_without_nan(evaluation: Evaluation) -> None:
    facts = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert facts["format"] == 1
    assert [sums["origin"] for sums in facts["by_origin"]] == list(evaluation.origins)
    assert facts["methods"][1]["overall"]["brier"] is None


@pytest.mark.parametrize("missing", ["naive", "ensemble"])
def test_a_missing_member_is_named(missing: str) -> None:
    panel = crash_panel()
    backtest = synthetic_backtest(panel)
    values = {name: array for name, array in backtest.values.items() if name != missing}
    with pytest.raises(DataError, match=f"backtest member {missing}: missing"):
        evaluate(panel, replace(backtest, values=values), DEFINITION)


def test_a_backtest_of_another_panel_is_refused() -> None:
    panel = crash_panel()
    with pytest.raises(DataError, match="not those of the panel"):
        evaluate(panel.select(panel.regions[::-1]), synthetic_backtest(panel), DEFINITION)


def test_short_spans_are_stated_by_year_and_long_ones_by_era() -> None:
    yearly = np.array(["2011-01", "2011-07", "2013-01"], "datetime64[M]")
    assert [label for label, _ in eras(yearly)] == ["2011", "2013"]
    long = np.arange(np.datetime64("2001-01", "M"), np.datetime64("2022-12", "M"), 6)
    assert eras(long[8:])[0][0] == "2005"
    found = eras(long)
    assert [label for label, _ in found] == ["2001-2005", "2006-2009", "2010-2015", "2016-2019", "2020-2022"]
    assert sum(mask.sum() for _, mask in found) == len(long)


@pytest.mark.parametrize(
    ("horizon", "season", "labels"),
    [(12, 12, ["1-3", "4-6", "7-12"]), (4, 4, ["1", "2", "3-4"]), (2, 12, ["1-2"]), (18, 12, ["1-3", "4-6", "7-12", "13-18"])],
)
def test_horizon_blocks_cover_every_step_once(horizon: int, season: int, labels: list[str]) -> None:
    blocks = horizon_blocks(horizon, season)
    assert [label for label, _ in blocks] == labels
    assert (sum(mask.astype(int) for _, mask in blocks) == 1).all()


def test_the_bootstrap_block_spans_overlapping_origins() -> None:
    assert overlap(np.arange(0, 48, 6), 12) == 2
    assert overlap(np.array([5]), 12) == 1
