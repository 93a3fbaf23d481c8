"""The main job, command by command, on a small panel: from data to a forecast through the function."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import execution
from pipelines.settings import Settings

HOUSING = [sys.executable, "-m", "cli.main"]
SMALL = {
    "HOUSING_PIPELINE_NAME": "road",
    "HOUSING_MODEL_PACKAGE_GROUP": "road",
    "HOUSING_ENDPOINT_NAME": "road",
    "HOUSING_FUNCTION_NAME": "road",
    "HOUSING_TRAIN_STEPS": '{"baselines": ["naive", "drift"]}',
    "HOUSING_ORIGINS": "3",
    "HOUSING_MAX_LOSS_RATIO": "5",
    "HOUSING_MIN_COVERAGE80": "0.01",
    "HOUSING_MAX_COVERAGE80": "1",
    "HOUSING_MAX_CALIBRATION_ERROR": "1",
}
"""Little work, bars that any model meets, one pipeline for all tests: the later ones find the first one's steps in the cache."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture
def panel(synthetic_source: Path) -> Path:
    """Six made-up towns as a long table."""
    return synthetic_source / "panel.csv.gz"


def housing(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    words = (*words, "--yes") if words[0] in {"run", "deploy"} else words
    return subprocess.run([*HOUSING, *words], env=env, capture_output=True, text=True, timeout=300, check=False)


def said(*words: str, **environment: str) -> str:
    """What a command prints when it succeeds."""
    finished = housing(*words, **environment)
    assert finished.returncode == 0, finished.stderr + finished.stdout
    return finished.stdout


def test_the_whole_road_and_again_unchanged(panel: Path, tmp_path: Path, front: Callable[[Settings], None]) -> None:
    run = said("run", "--panel", str(panel), "--lag", "sales=1")
    assert "Train-baselines: Succeeded" in run
    assert "next: `housing approve`" in run
    assert "version 1 is approved; next: `housing deploy`" in said("approve")
    assert "version 1 is in service" in said("deploy")

    absent = housing("predict", "--region", "Town A")
    assert absent.stderr == "housing: function road: does not exist; run `housing bootstrap` first\n"
    front(Settings())
    table = said("predict", "--region", "Town A")
    assert "Town A: price from January 2015, by quantile" in table
    assert "probability of a price drawdown" in table
    (prediction,) = json.loads(said("predict", "--region", "Town B", "--json"))["predictions"]
    assert prediction["item_id"] == "Town B"
    assert len(prediction["0.5"]) == 12
    assert json.loads(said("predict", "--region", "Town B", "--json", "--direct"))["predictions"] == [prediction]
    unknown = housing("predict", "--region", "Atlantis")
    assert unknown.returncode == 1
    assert "Atlantis" in unknown.stderr
    assert unknown.stderr.count("\n") == 1

    summary = said("results", "--out", str(tmp_path / "out"))
    assert "6 of 6 regions" in summary
    assert "of the best baseline's" in summary
    rows = list(csv.DictReader((tmp_path / "out" / "forecasts.csv").open()))
    assert len(rows) == 6 * 12
    assert rows[0]["month"] == "2015-01-01"
    batch = [float(row["0.5"]) for row in rows if row["region"] == "Town B"]
    assert batch == pytest.approx(prediction["0.5"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation.json", "forecasts.csv", "report.html"}

    again = said("run", "--panel", str(panel), "--lag", "sales=1")
    for step in ("Ingest", "Prepare", "Train-baselines", "Ensemble", "Evaluate", "Forecast"):
        assert f"{step}: Succeeded (from the cache)" in again
    assert "version 2 is approved" in said("approve")
    assert "version 2 is already in service" in said("deploy")
    said("results", "--out", str(tmp_path / "out"))


def test_a_missed_bar_ends_the_run_with_its_words_and_registers_nothing(panel: Path) -> None:
    names = {"HOUSING_MODEL_PACKAGE_GROUP": "strict", "HOUSING_MAX_LOSS_RATIO": "0.001"}
    missed = housing("run", "--panel", str(panel), "--json", **names)
    assert missed.returncode == 1
    ended = json.loads(missed.stdout)
    assert (ended["status"], ended["steps"][-1]["name"], ended["model_package_arn"]) == ("Failed", "QualityGateMissed", None)
    assert missed.stderr.splitlines()[-1].startswith("housing: QualityGateMissed failed: Quality gate missed: quantile loss")
    assert "limit 0.001" in missed.stderr
    nothing = housing("approve", **names)
    assert nothing.returncode == 1
    assert nothing.stderr == "housing: model package group strict: no package exists; run `housing run` first\n"


def test_a_killed_client_leaves_the_execution_running_and_attach_picks_it_up(panel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_SEED", "8")  # trains anew: time to be killed in
    with subprocess.Popen([*HOUSING, "run", "--panel", str(panel), "--yes"], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert any("started" in line for line in client.stdout)
        client.send_signal(signal.SIGKILL)
    assert execution.running(Settings()) is not None
    attached = said("run", "--attach")
    assert "next: `housing approve`" in attached
    until = time.monotonic() + 30
    while execution.running(Settings()) is not None and time.monotonic() < until:
        time.sleep(0.1)
    assert housing("run", "--attach").stderr == "housing: no execution runs; start one with `housing run`\n"


def test_a_file_that_is_no_panel_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("region,date\nA,2010-01-01\n")
    refused = housing("run", "--panel", str(tmp_path / "bad.csv"))
    assert refused.returncode == 1
    assert "price" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_command_without_an_emulator_says_how_to_start_one() -> None:
    silent = housing("approve", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert silent.returncode == 1
    assert "housing local up --detach" in silent.stderr
    assert silent.stderr.count("\n") == 1
