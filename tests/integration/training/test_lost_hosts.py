"""A host that goes away ends the others with the status that asks for another try, not with that of a failure of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.train_jobs import prepared

ROOT = Path(__file__).parents[3]
HOSTS = ("127.0.0.1", "127.0.0.2")
LIMIT_SECONDS = 60
SHARED = {
    "xgboost": {"members": "xgboost", "rounds": "2000", "segment": "2000", "rows": "4000", "distribute": "rows"},
    "neural": {"members": "neural", "steps": "20000", "rows": "400", "networks": "1", "hidden": "8", "batch": "64", "distribute": "rows"},
}


@dataclass
class Host:
    """One host of a job: `python -m training.train` with an /opt/ml of its own."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def failure(self) -> str:
        return (self.folder / "output" / "failure").read_text()

    def processes(self) -> list[int]:
        """Every process of the host: torchrun's children have sessions of their own."""
        mark, found = f"SAGEMAKER_BASE_DIR={self.folder}\0".encode(), []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and mark in (process / "environ").read_bytes():
                    found.append(int(process.name))
            except OSError:
                continue
        return found

    def vanish(self) -> None:
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("panel"), periods=78, scored=2)


@pytest.fixture
def host(panel: Path, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Starts one host of a job."""
    started: list[Host] = []

    def start(current: str, hyperparameters: dict[str, str]) -> Host:
        folder = tmp_path / current
        config = folder / "input" / "config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(hyperparameters | {"seed": "1"}))
        (config / "resourceconfig.json").write_text(json.dumps({"hosts": HOSTS, "current_host": current}))
        (folder / "input" / "data").mkdir()
        (folder / "input" / "data" / "panel").symlink_to(panel)
        usual = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "HOUSING_DEVICE": "cpu", "TRAINING_JOB_NAME": tmp_path.name}
        env = os.environ | usual | {"SAGEMAKER_BASE_DIR": str(folder)}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "training.train"], cwd=ROOT, env=env, stdout=log, stderr=log)
        started.append(Host(folder, process))
        return started[-1]

    yield start
    for one in started:
        one.vanish()


@pytest.mark.parametrize(("member", "joined"), [("xgboost", "got rank 0"), ("neural", "train:loss")])
def test_a_host_that_is_lost_while_rows_are_shared_is_no_failure_of_the_others(host: Callable[..., Host], member: str, joined: str) -> None:
    stays, goes = (host(name, SHARED[member]) for name in HOSTS)
    until = time.monotonic() + LIMIT_SECONDS
    while joined not in stays.log:
        assert time.monotonic() < until, stays.log
        assert stays.process.poll() is None, stays.log
        time.sleep(0.05)
    goes.vanish()
    assert stays.process.wait(LIMIT_SECONDS) == os.EX_TEMPFAIL, stays.log
    assert stays.failure == "host 127.0.0.2: no longer answers; the next start goes on from the checkpoints"
