"""Training jobs on several hosts of the emulator: the same answer, a lost host by its name, the rest from the checkpoints."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.train_jobs import Finished, TrainJobs, prepared, train_jobs

XGBOOST = {"members": "xgboost", "seed": "1", "rounds": "6", "segment": "3", "rows": "800"}
NEURAL = {"members": "neural", "seed": "1", "steps": "12", "rows": "800", "networks": "2", "hidden": "8", "batch": "64"}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainJobs]:
    folder = tmp_path_factory.mktemp("hosts")
    with train_jobs(folder) as running:
        running.upload(prepared(folder / "data", periods=78, scored=2))
        yield running


def trained(jobs: TrainJobs, name: str, hyperparameters: dict[str, str], hosts: int) -> Finished:
    jobs.start(name, hyperparameters, hosts=hosts, checkpoints=name)
    done = jobs.finish(name)
    assert done.described["TrainingJobStatus"] == "Completed", done.described.get("FailureReason", "") + done.log[-3000:]
    return done


def forecasts(done: Finished, member: str) -> np.ndarray:
    with np.load(io.BytesIO(done.files["backtest.npz"])) as stored:
        return np.array(stored[f"values.{member}"])


def test_dealt_origins_give_the_same_bytes_on_one_two_and_four_hosts(jobs: TrainJobs) -> None:
    one, two, four = (trained(jobs, f"dealt-{hosts}", XGBOOST, hosts) for hosts in (1, 2, 4))
    assert one.files == two.files == four.files
    assert four.log.count("collective calls") == 4


def test_a_network_shared_by_rows_is_the_same_but_for_rounding(jobs: TrainJobs) -> None:
    rows = NEURAL | {"distribute": "rows"}
    one, *several = (forecasts(trained(jobs, f"neural-rows-{hosts}", rows, hosts), "neural") for hosts in (1, 2, 4))
    for shared in several:
        np.testing.assert_allclose(shared, one, atol=1e-3)


def test_a_booster_shared_by_rows_is_as_good(jobs: TrainJobs) -> None:
    rows = XGBOOST | {"distribute": "rows", "rows": "4000"}
    done = [trained(jobs, f"xgboost-rows-{hosts}", rows, hosts) for hosts in (1, 2, 4)]
    losses = [float(one.log.rpartition("validation:scaled_quantile_loss=")[2].partition(";")[0]) for one in done]
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=0.05)


def test_a_lost_host_fails_the_job_with_its_name_and_the_next_start_resumes(jobs: TrainJobs) -> None:
    slow = NEURAL | {"steps": "100"}
    jobs.start("lost", slow, hosts=2, checkpoints="lost", HOUSING_CHECKPOINT_SECONDS="0.2")
    victim = _host_process(jobs.home, "lost", "127.0.0.2")
    os.kill(victim, signal.SIGKILL)
    failed = jobs.finish("lost").described
    assert failed["TrainingJobStatus"] == "Failed"
    assert "127.0.0.2" in failed["FailureReason"]
    jobs.start("lost-again", slow, hosts=2, checkpoints="lost")
    again = jobs.finish("lost-again")
    assert again.described["TrainingJobStatus"] == "Completed"
    assert "resumed" in again.log
    assert again.files == trained(jobs, "never-lost", slow, 1).files


def _host_process(home: Path, job: str, host: str) -> int:
    """The process of a host, once it has finished an origin."""
    log = home / "logs" / "TrainingJobs" / job / f"{host}.log"
    until = time.monotonic() + 60
    while not (log.is_file() and "origins up to" in log.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    mark = f"SAGEMAKER_BASE_DIR={home}/jobs/training/{job}/{host}".encode()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark in (process / "environ").read_bytes():
                return int(process.name)
        except OSError:
            continue
    raise AssertionError(f"no process of {host}")
