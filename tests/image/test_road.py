"""The whole road in containers, and again as processes: the same forecasts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulator import lifecycle
from tests.conftest import write_synthetic_source
from tests.image.engine import ROOT, SERVE, TRAIN, docker

SMALL = {
    "HOUSING_TRAIN_STEPS": json.dumps(
        {"baselines": ["naive", "drift"], "trees": ["xgboost", "catboost"], "neural": ["neural"], "statistical": ["statistical"]}
    ),
    "HOUSING_ORIGINS": "2",
    "HOUSING_MAX_LOSS_RATIO": "5",
    "HOUSING_MIN_COVERAGE80": "0.01",
    "HOUSING_MAX_COVERAGE80": "1",
    "HOUSING_MAX_CALIBRATION_ERROR": "1",
    "HOUSING_PARALLEL_STEPS": "2",
    "HOUSING_TERMINATION_WAIT_SECONDS": "0",
    "HOUSING_BAKE_SECONDS": "1",
    "HOUSING_CPU_TIER": "false",
    "HOUSING_IMAGE_URI": TRAIN,
    "HOUSING_SERVING_IMAGE_URI": SERVE,
    "HOUSING_CPU_SERVING_IMAGE_URI": SERVE,
}
PROCESSES = {
    "images": [
        {"match": "housing-crisis-ml:*", "folder": str(ROOT), "path": [str(Path(sys.executable).parent)], "env": {"OMP_NUM_THREADS": "1"}}
    ]
}


@dataclass(frozen=True)
class Outcome:
    """What a run of the road left."""

    forecasts: bytes
    prediction: str
    logs: str


def travel(sandbox: str, folder: Path) -> Outcome:
    """The road of the README on a small panel in one sandbox."""
    write_synthetic_source(folder / "source")
    images = folder / "images.yaml"
    images.write_text(json.dumps(PROCESSES))
    emulating = {"EMULATOR_SANDBOX": sandbox, "EMULATOR_DOCKER_OPTIONS": "--env OMP_NUM_THREADS=1", "EMULATOR_WAIT_SCALE": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulating.items():
            patch.setenv(name, value)
        lifecycle.up(folder / "home", port=0, images=images, region="us-east-1")
    env = {**os.environ, **SMALL, **lifecycle.env(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache")}

    def housing(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *words], env=env, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    try:
        housing("run", "--panel", str(folder / "source" / "panel.csv.gz"), "--lag", "sales=1", "--yes")
        housing("approve")
        housing("deploy", "--yes")
        containers = docker("ps", "--format", "{{.Image}}")
        assert (SERVE in containers) == (sandbox == "docker")
        prediction = housing("predict", "--region", "Town A", "--json")
        housing("results", "--out", str(folder / "out"))
    finally:
        lifecycle.down(folder / "home")
    logs = "".join(path.read_text(errors="replace") for path in sorted((folder / "home" / "logs").rglob("*.log")))
    return Outcome((folder / "out" / "forecasts.csv").read_bytes(), prediction, logs)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    yield {sandbox: travel(sandbox, tmp_path_factory.mktemp(sandbox)) for sandbox in ("docker", "process")}


def test_containers_and_processes_forecast_the_same(both: dict[str, Outcome]) -> None:
    assert both["docker"].forecasts == both["process"].forecasts
    inside, outside = (json.loads(both[sandbox].prediction)["predictions"][0] for sandbox in ("docker", "process"))
    # The version is a hash over files, one of them a zip, which another patch release of Python writes with other header bytes.
    assert inside | {"model_version": ""} == outside | {"model_version": ""}
    assert len(both["docker"].forecasts.splitlines()) == 1 + 6 * 12


def test_no_container_is_left(both: dict[str, Outcome]) -> None:
    assert docker("ps", "--all", "--quiet") == ""
