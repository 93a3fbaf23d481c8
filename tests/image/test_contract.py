"""How a container behaves: its user, its signals, its health, a root file system that can't be written."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import SERVE, TRAIN, docker


def state(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(docker("inspect", "--format", "{{json .State}}", name))
    return found


def until(name: str, words: str, seconds: float = 90) -> None:
    """Wait for a line of the container's log."""
    ends = time.monotonic() + seconds
    while words not in docker("logs", name):
        assert time.monotonic() < ends, docker("logs", name)
        time.sleep(0.2)


@pytest.fixture
def name() -> Iterator[str]:
    yield "image-test"
    docker("rm", "--force", "--volumes", "image-test", check=False)


@pytest.fixture
def model(synthetic_model: Path) -> Path:
    for path in (synthetic_model, *synthetic_model.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for parent in list(synthetic_model.parents)[:4]:
        parent.chmod(0o755)
    return synthetic_model


LOCKED_DOWN = (
    *("--read-only", "--tmpfs", "/tmp"),
    *("--user", "10001:10001"),
    *("--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)


@pytest.mark.parametrize("options", [(), LOCKED_DOWN], ids=["as SageMaker runs it", "as a pod runs it"])
def test_the_server_answers_is_healthy_and_ends_in_order(name: str, model: Path, options: tuple[str, ...]) -> None:
    where = ("--network", "host", "--env", "SAGEMAKER_BIND_TO_PORT=18080", "--env", "HOUSING_WORKERS=1", "--health-interval", "1s")
    docker("run", "--detach", "--name", name, *options, *where, "--volume", f"{model}:/opt/ml/model:ro", SERVE, "serve")
    ends = time.monotonic() + 60
    while state(name).get("Health", {}).get("Status") != "healthy":  # type: ignore[attr-defined]
        assert time.monotonic() < ends, docker("logs", name)
        time.sleep(0.3)
    with urllib.request.urlopen("http://127.0.0.1:18080/ping", timeout=5) as answer:
        assert answer.status == 200
    processes = docker("exec", name, "sh", "-c", "cat /proc/1/comm; for p in /proc/[0-9]*; do grep -h ^Uid: $p/status; done | sort -u")
    assert processes.splitlines()[0] == "tini"
    assert "10001" in processes
    begun = time.monotonic()
    docker("stop", "--time", "25", name)
    assert state(name)["ExitCode"] == 0
    assert time.monotonic() - begun < 15


def test_started_as_root_a_job_runs_without_rights_and_may_write_its_results(name: str, tmp_path: Path) -> None:
    for folder in ("model", "output/data", "input/config"):
        (tmp_path / "ml" / folder).mkdir(parents=True)
    tmp_path.chmod(0o755)
    code = "import os, pathlib; pathlib.Path('/opt/ml/model/x').write_text(str(os.getuid()))"
    docker("run", "--name", name, "--volume", f"{tmp_path / 'ml'}:/opt/ml", TRAIN, "python", "-c", code)
    assert (tmp_path / "ml" / "model" / "x").read_text() == "10001"


def test_the_user_that_root_becomes_can_be_root(name: str) -> None:
    assert (
        docker("run", "--name", name, "--env", "HOUSING_CONTAINER_USER=root", TRAIN, "python", "-c", "import os; print(os.getuid())") == "0"
    )


def test_a_job_without_data_fails_with_one_line_where_sagemaker_reads_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "ml" / "output").mkdir(parents=True)
    tmp_path.chmod(0o755)
    docker("run", "--name", name, "--volume", f"{tmp_path / 'ml'}:/opt/ml", TRAIN, "train", check=False)
    assert state(name)["ExitCode"] == 1
    assert (tmp_path / "ml" / "output" / "failure").read_text().startswith("channel panel: panel/ is absent or empty")


@pytest.mark.parametrize("seconds", [0.3, 3.0], ids=["while it starts", "at work"])
def test_an_order_to_end_reaches_a_job(name: str, tmp_path: Path, synthetic_road: object, seconds: float) -> None:
    root = tmp_path / "ml"
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps({"members": "neural,xgboost,catboost", "seed": "1"}))
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--volume",
        f"{root}:/opt/ml",
        "--volume",
        f"{synthetic_road.prepared}:/opt/ml/input/data/panel:ro",
        TRAIN,
        "train",
    )  # type: ignore[attr-defined]
    tmp_path.chmod(0o755)
    time.sleep(seconds)
    assert state(name)["Status"] == "running"
    begun = time.monotonic()
    docker("stop", "--time", "60", name)
    assert state(name)["ExitCode"] == 143
    assert time.monotonic() - begun < 30
