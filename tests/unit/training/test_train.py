"""What a training job reads from its hyperparameters, and what SageMaker reads from its log."""

from __future__ import annotations

import re

import pytest

from housing.errors import SettingsError
from housing.gate import Limits
from pipelines.definition import metrics
from training import metrics_log
from training.arguments import positive_integers
from training.choice import Choice
from training.jobs.evaluate import read_limits


def test_members_are_split_and_their_hyperparameters_are_json_values() -> None:
    choice = Choice.read({"members": "naive, drift", "seed": "7", "drift.rate": "0.5", "naive.kind": "plain"})
    assert choice == Choice(("naive", "drift"), 7, {"naive": {"kind": "plain"}, "drift": {"rate": 0.5}})


def test_the_only_member_needs_no_prefix() -> None:
    assert Choice.read({"members": "naive", "depth": "3"}).settings == {"naive": {"depth": 3}}


@pytest.mark.parametrize(
    ("hyperparameters", "named"),
    [
        ({}, "members"),
        ({"members": " , "}, "members"),
        ({"members": "naive,naive"}, "members"),
        ({"members": "oracle"}, "oracle"),
        ({"members": "naive", "seed": "x"}, "seed"),
        ({"members": "naive,drift", "depth": "3"}, "depth"),
        ({"members": "naive", "drift.depth": "3"}, "drift.depth"),
        ({"members": "xgboost", "distribute": "columns"}, "distribute"),
        ({"members": "naive", "distribute": "rows"}, "distribute"),
        ({"members": "xgboost,neural", "distribute": "rows"}, "distribute"),
    ],
)
def test_a_hyperparameter_without_meaning_is_refused_by_name(hyperparameters: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Choice.read(hyperparameters)


def test_what_a_tuning_job_adds_is_left_alone() -> None:
    choice = Choice.read({"members": "naive", "_tuning_objective_metric": "validation:scaled_quantile_loss"})
    assert choice.settings == {"naive": {}}


@pytest.mark.parametrize("name", [metrics_log.SCALED_QUANTILE_LOSS, metrics_log.COVERAGE80, metrics_log.FIT_SECONDS])
@pytest.mark.parametrize("value", [0.7123456, 1e-7, 12345678.9, -0.5, 0.0])
def test_the_definitions_regexes_read_the_lines_that_jobs_print(name: str, value: float) -> None:
    assert name in metrics.NAMES
    found = re.search(metrics.regex(name), f"epoch done {metrics_log.metric_line(name, value)} next")
    assert found
    assert float(found[1]) == pytest.approx(value, rel=1e-5)


def test_arguments_are_whole_numbers_of_at_least_one() -> None:
    assert positive_integers(["--horizon", "6"], horizon=None, origins=8) == {"horizon": 6, "origins": 8}


@pytest.mark.parametrize("argv", [["--horizon", "x"], ["--horizon", "0"], ["--horizon"], ["--unknown", "1"], ["stray"]])
def test_an_argument_without_meaning_is_refused_in_one_line(argv: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        positive_integers(argv, horizon=None)
    assert "\n" not in str(caught.value)


def test_the_bars_of_the_gate_are_read_from_the_arguments() -> None:
    limits = read_limits(["--max-loss-ratio", "0.7", "--min-coverage80", "0.75", "--max-calibration-error", "0.2"])
    assert limits == Limits(loss_ratio=0.7, coverage_low=0.75, calibration_error=0.2)


@pytest.mark.parametrize("argv", [["--max-loss-ratio", "0"], ["--min-coverage80", "nan"], ["--max-loss", "1"], ["--max-coverage80", "x"]])
def test_a_bar_without_meaning_is_refused(argv: list[str]) -> None:
    with pytest.raises(SettingsError):
        read_limits(argv)
