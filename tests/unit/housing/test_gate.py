"""A candidate is promoted when it beats the baselines and is not worse than the approved model."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from housing.errors import DataError
from housing.evaluation import Evaluation, MemberScore, MethodScore, OnsetScore, OriginSums, PathScore
from housing.evaluation.result import AlarmScore, RiskSums
from housing.gate import Limits, calibration_noise, decide
from housing.labels import DrawdownDefinition
from housing.metrics import Interval, ReliabilityBin


def member(name: str, loss: float, coverage: float = 0.8) -> MemberScore:
    score = PathScore("all", 100, loss, loss, loss, coverage, 0.2)
    interval = Interval(loss, loss - 0.1, loss + 0.1)
    return MemberScore(name, name != "ensemble", score, interval, interval, 0.05, (), (), (), score, score)


def method(skill: tuple[float, float, float] = (0.2, 0.1, 0.3), error: float = 0.02) -> MethodScore:
    overall = OnsetScore("all", 200, 20, 0.1, 0.08, skill[0], 0.8, 0.4, 0.3, error)
    return MethodScore("ensemble", False, overall, Interval(*skill), (), (), AlarmScore(0.25, 3, 2, 6.0, 1, 0.1))


def evaluation(
    losses: list[float] | None = None,
    *,
    loss: float = 0.6,
    coverage: float = 0.8,
    width: float = 0.02,
    methods: tuple[MethodScore, ...] = (method(),),
) -> Evaluation:
    series = losses or [0.6] * 12
    origins = tuple(str(np.datetime64("2010-01", "M") + 6 * i) for i in range(len(series)))
    sums = tuple(OriginSums(date, x * 40, 40, coverage * 400, 400) for date, x in zip(origins, series, strict=True))
    members = (member("ensemble", loss, coverage), member("naive", 1.0), member("momentum", 0.9))
    definition = DrawdownDefinition(0.05, 12, 60)
    comparisons = {
        name: Interval(loss / other, loss / other - width, loss / other + width) for name, other in (("naive", 1.0), ("momentum", 0.9))
    }
    return Evaluation("ensemble", "naive", "M", 12, 40, origins, 2, members, definition, methods, origins, sums, comparisons)


def test_a_better_candidate_passes_with_flat_numbers() -> None:
    facts = json.loads(json.dumps(decide(evaluation()).to_json(), allow_nan=False))
    assert facts["passed"] == 1
    assert facts["code"] == "passed"
    assert facts["loss_ratio"] == pytest.approx(0.6 / 0.9)
    assert facts["coverage80"] == 0.8
    assert [bar["name"] for bar in facts["bars"]] == ["loss_ratio", "coverage80", "brier_skill", "calibration_error"]


@pytest.mark.parametrize(
    ("candidate", "code", "words"),
    [
        (
            evaluation(loss=0.95),
            "loss_ratio",
            r"quantile loss 1.056 of the best baseline's \(momentum; 90% interval 1.036\.\.1.076\), limit 1",
        ),
        (evaluation(loss=float("nan")), "loss_ratio", "quantile loss nan"),
        (evaluation(coverage=0.6), "coverage80", "covers 60.0%, limits 70%..90%"),
        (evaluation(coverage=0.97), "coverage80", "covers 97.0%"),
        (evaluation(methods=(method((-0.3, -0.5, -0.1)),)), "brier_skill", "drawdown skill -0.300"),
        (evaluation(methods=(method(error=0.4),)), "calibration_error", r"calibration error 0.400 \(0.000 by chance\), limit 0.15"),
    ],
)
def test_a_miss_names_its_bar(candidate: Evaluation, code: str, words: str) -> None:
    gate = decide(candidate)
    assert not gate.passed
    assert gate.code == code
    assert gate.reason.startswith("missed: ")
    assert re.search(words, gate.reason)
    assert "\n" not in gate.reason


def test_a_tie_with_the_best_baseline_needs_better_calibration() -> None:
    assert decide(evaluation(loss=0.91, coverage=0.80, width=0.05)).code == "loss_ratio"
    blunt = replace(member("momentum", 0.9), overall=replace(member("momentum", 0.9).overall, coverage=0.6))
    tied = evaluation(loss=0.91, coverage=0.80, width=0.05)
    assert decide(replace(tied, members=(tied.members[0], tied.members[1], blunt))).passed
    clear = evaluation(loss=0.91, coverage=0.80, width=0.005)
    assert not decide(replace(clear, members=(clear.members[0], clear.members[1], blunt))).passed


def test_skill_that_may_be_noise_below_zero_is_no_miss() -> None:
    assert decide(evaluation(methods=(method((-0.05, -0.2, 0.1)),))).passed


def test_calibration_noise_is_what_honest_probabilities_show() -> None:
    rng = np.random.default_rng(0)
    bins = [ReliabilityBin(k / 10, (k + 1) / 10, 20, k / 10 + 0.05, 0.0) for k in range(10)]
    expected = np.mean([np.abs(rng.binomial(20, part.mean_probability, 4000) / 20 - part.mean_probability).mean() for part in bins])
    assert calibration_noise(bins, 1) == pytest.approx(expected, rel=0.05)
    assert calibration_noise(bins, 4) == pytest.approx(2 * calibration_noise(bins, 1))


def test_a_calibration_error_that_few_rows_explain_is_no_miss() -> None:
    few = replace(method(error=0.2), bins=(ReliabilityBin(0.4, 0.5, 20, 0.45, 0.25),))
    many = replace(method(error=0.2), bins=(ReliabilityBin(0.4, 0.5, 2000, 0.45, 0.25),))
    assert decide(evaluation(methods=(few,))).passed
    assert decide(evaluation(methods=(many,))).code == "calibration_error"


def test_without_probabilities_there_is_no_drawdown_bar() -> None:
    assert [bar.name for bar in decide(evaluation(methods=())).bars] == ["loss_ratio", "coverage80"]


def test_bars_can_be_moved() -> None:
    assert not decide(evaluation(), limits=Limits(loss_ratio=0.5)).passed


def test_a_clearly_worse_candidate_is_not_promoted() -> None:
    gate = decide(evaluation([0.7] * 12), evaluation([0.6] * 12).to_json())
    assert gate.code == "approved_loss_ratio"
    assert "1.167 of the approved model's on 12 shared origins" in gate.reason


def test_a_better_or_equal_candidate_replaces_the_approved_model() -> None:
    assert decide(evaluation([0.55] * 12), evaluation([0.6] * 12).to_json()).passed
    assert decide(evaluation(), evaluation().to_json()).passed


def test_a_draw_is_decided_by_calibration() -> None:
    old, new = [0.6] * 12, [0.5, 0.5, 0.72, 0.72] * 3
    sharper, looser = evaluation(new, coverage=0.80), evaluation(new, coverage=0.72)
    assert decide(sharper, evaluation(old, coverage=0.75).to_json()).passed
    assert not decide(looser, evaluation(old, coverage=0.75).to_json()).passed


def test_models_are_compared_on_the_origins_that_they_share() -> None:
    approved = evaluation([0.6] * 12).to_json()
    approved["by_origin"] = approved["by_origin"][:5]
    for sums in approved["by_origin"][:1]:
        sums["loss"] = 4000.0
    gate = decide(evaluation([0.7] * 12), approved)
    assert "on 5 shared origins" in gate.reason
    assert gate.passed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"source": "fhfa"}, "another source"),
        ({"horizon": 6, "frequency": "Q"}, "another frequency and horizon"),
        ({"by_origin": []}, "no origin"),
    ],
)
def test_models_that_cannot_be_compared_are_not_and_the_reason_says_so(change: dict[str, Any], why: str) -> None:
    gate = decide(evaluation([0.7] * 12), evaluation([0.6] * 12).to_json() | change)
    assert (gate.passed, gate.compared_origins) == (True, 0)
    assert "not compared with the approved model" in gate.reason
    assert why in gate.reason


def with_risk(errors: list[float]) -> Evaluation:
    sums = tuple(RiskSums(str(np.datetime64("2010-01", "M") + 3 * i), 20 * error, 20) for i, error in enumerate(errors))
    return evaluation(methods=(replace(method(), by_origin=sums),))


def test_drawdown_probabilities_that_are_clearly_worse_are_not_promoted() -> None:
    approved = with_risk([0.08] * 12).to_json()
    assert decide(with_risk([0.12] * 12), approved).code == "approved_brier_ratio"
    assert "1.500 of the approved model's on 12 shared origins" in decide(with_risk([0.12] * 12), approved).reason
    assert decide(with_risk([0.06, 0.12] * 6), approved).passed
    assert decide(with_risk([0.07] * 12), approved).passed


def test_drawdown_probabilities_of_another_event_are_not_compared() -> None:
    approved = with_risk([0.02] * 12).to_json()
    approved["definition"]["threshold"] = 0.2
    assert "approved_brier_ratio" not in decide(with_risk([0.12] * 12), approved).to_json()


def test_an_approved_evaluation_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="evaluate the approved model again"):
        decide(evaluation(), {"by_origin": [{"origin": "2010-01"}]})
