"""The Evaluate job decides about promotion, against the approved model on the origins that both were scored at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def evaluate(road: Any, base: Path, approved: str) -> subprocess.CompletedProcess[str]:
    """Run the job as a process on the inputs of the synthetic road, with `approved` as the content of approved.json."""
    inputs = base / "processing" / "input"
    shutil.copytree(road.prepared, inputs / "panel")
    for name, path in (("backtest", road.backtest), ("model", road.archive), ("approved", None)):
        (inputs / name).mkdir()
        if path:
            shutil.copy(path, inputs / name)
    (inputs / "approved" / "approved.json").write_text(approved)
    env = {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training.jobs.evaluate", "--max-loss-ratio", "3", "--min-coverage80", "0.1", "--max-coverage80", "1"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def approved_with(road: Any, factor: float, **changes: Any) -> str:
    """An approved model whose loss is `factor` times that of the candidate at every origin."""
    record = json.loads((road.evaluation / "evaluation.json").read_text())
    record["by_origin"] = [sums | {"loss": factor * sums["loss"]} for sums in record["by_origin"]]
    return json.dumps({"model_package": "arn:aws:sagemaker:r:1:model-package/g/3", "evaluation": record | changes})


def gate_of(base: Path) -> dict[str, Any]:
    gate: dict[str, Any] = json.loads((base / "processing" / "output" / "evaluation" / "evaluation.json").read_text())["gate"]
    return gate


@pytest.mark.parametrize(
    ("factor", "passed", "code"),
    [(0.5, 0, "approved_loss_ratio"), (1.0, 1, "passed"), (2.0, 1, "passed")],
    ids=["worse", "equal", "better"],
)
def test_only_a_candidate_that_is_not_worse_is_promoted(synthetic_road: Any, tmp_path: Path, factor: float, passed: int, code: str) -> None:
    done = evaluate(synthetic_road, tmp_path, approved_with(synthetic_road, factor))
    assert done.returncode == 0, done.stderr
    gate = gate_of(tmp_path)
    assert (gate["passed"], gate["code"]) == (passed, code), gate["reason"]
    assert gate["approved_loss_ratio"] == pytest.approx(1 / factor)
    assert gate["approved"].endswith("/3")
    assert gate["compared_origins"] == 4
    assert gate["reason"] in done.stdout


def test_a_model_of_other_data_is_named_as_not_comparable(synthetic_road: Any, tmp_path: Path) -> None:
    assert evaluate(synthetic_road, tmp_path, approved_with(synthetic_road, 0.5, source="elsewhere")).returncode == 0
    gate = gate_of(tmp_path)
    assert (gate["passed"], gate["compared_origins"]) == (1, 0)
    assert "not compared with the approved model: it has another source" in gate["reason"]


def test_an_unreadable_approved_model_stops_the_job(synthetic_road: Any, tmp_path: Path) -> None:
    assert evaluate(synthetic_road, tmp_path, "{}").returncode == 1
    assert "input approved: approved.json is absent or malformed" in (tmp_path / "output" / "message").read_text()
