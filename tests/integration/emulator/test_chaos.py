"""Random faults, the same ones for the same seed: no record is lost, no status is wrong, no process is left.

EMULATOR_CHAOS is the number of faults: 24 unless told otherwise.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle

FAULTS = int(os.environ.get("EMULATOR_CHAOS", "24"))
ENDED = ("Completed", "Failed", "Stopped")
ACTIONS = ("", "", "wait", "orphan", "fail")


class Storm:
    """An emulator under faults, and what is known of each job: whether it was told to stop or had its process killed."""

    def __init__(self, workshop: Any, home: Path, start: Callable[..., Any], seed: int) -> None:
        self.shop, self.home, self._start = workshop, home, start
        self.draw = random.Random(seed)
        self.jobs: dict[str, str] = {}
        self.stopped: set[str] = set()
        self.killed: set[str] = set()
        self.restarts = 0
        self.up()

    def up(self) -> None:
        emulator = self._start(self.home, self.shop.home.with_suffix(".images.yaml"))
        self.sagemaker, self.s3 = emulator.client("sagemaker"), emulator.client("s3")

    def begin_job(self) -> None:
        """A new job; throttled ones are not begun, and leave no record."""
        name, action = f"chaos-{len(self.jobs)}", self.draw.choice(ACTIONS)
        request = self.shop.training(name, {"ACTION": action})
        try:
            self.sagemaker.create_training_job(**request)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ThrottlingException"
            with pytest.raises(ClientError, match="Requested resource not found"):
                self.describe(name)
            return
        self.jobs[name] = action

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_training_job(TrainingJobName=name))

    def running(self) -> list[str]:
        return [name for name in self.jobs if self.describe(name)["TrainingJobStatus"] not in ENDED]

    def stop_job(self) -> None:
        for name in self.running()[:1]:
            with contextlib.suppress(ClientError):  # it ended meanwhile
                self.sagemaker.stop_training_job(TrainingJobName=name)
                self.stopped.add(name)

    def kill_job(self) -> None:
        for name in self.running()[:1]:
            for pid in self.shop.processes(f"TRAINING_JOB_NAME={name}\0"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed.add(name)

    def throttle(self) -> None:
        rules = [{"operation": "sagemaker:CreateTrainingJob", "times": 1}]
        (self.home / "faults.yaml").write_text(json.dumps({"operations": rules, "seed": self.draw.randrange(1000)}))

    def no_capacity(self) -> None:
        rules = [{"instance_type": "*", "times": 1}]
        (self.home / "faults.yaml").write_text(json.dumps({"capacity": rules, "seed": self.draw.randrange(1000)}))

    def crash(self) -> None:
        """The emulator is killed and started again: what ran has failed, and nothing of it is left."""
        before = set(self.running())
        os.kill(lifecycle.status(self.home)["pid"], signal.SIGKILL)
        self.shop.until(lambda: not lifecycle.status(self.home)["running"])
        self.shop.until(lambda: not self.shop.processes("TRAINING_JOB_NAME=chaos-"))
        self.up()
        self.restarts += 1
        assert self.running() == []
        for name in before:
            described = self.describe(name)
            # it may have ended by itself between the question and the kill
            assert described["TrainingJobStatus"] in ENDED

    def judge(self, name: str) -> None:
        """A job's status must follow from what was done to it."""
        described, action = self.describe(name), self.jobs[name]
        status, reason = described["TrainingJobStatus"], described.get("FailureReason", "")
        assert status in ENDED
        if status == "Completed":
            assert action in ("", "wait")  # one that waits leaves with 0 when its session is told to
            assert name not in self.killed or action == ""
            self.s3.head_object(Bucket="workshop", Key=f"trained/{name}/output/model.tar.gz")
        elif status == "Stopped":
            assert name in self.stopped
        else:
            assert reason.startswith(("AlgorithmError: ", "CapacityError: ", "InternalServerError: the emulator ended"))
            if action == "":
                assert name in self.killed or not reason.startswith("AlgorithmError")
        assert described["SecondaryStatusTransitions"][-1]["Status"] == described["SecondaryStatus"]


@pytest.mark.slow
def test_no_fault_loses_a_record_leaves_a_process_or_makes_a_status_wrong(workshop, tmp_path, start_emulator, monkeypatch):
    monkeypatch.setenv("EMULATOR_WAIT_SCALE", "0")
    monkeypatch.setenv("EMULATOR_STOP_GRACE_SECONDS", "1")
    storm = Storm(workshop, tmp_path / "home", start_emulator, seed=11)
    try:
        storm.s3.create_bucket(Bucket="workshop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        faults = [storm.stop_job, storm.kill_job, storm.kill_job, storm.throttle, storm.no_capacity]
        for number in range(FAULTS):
            for _ in range(storm.draw.randrange(1, 3)):
                storm.begin_job()
            time.sleep(storm.draw.uniform(0, 0.2))
            (storm.crash if number % 8 == 7 else storm.draw.choice(faults))()
        for name in storm.running():
            with contextlib.suppress(ClientError):
                storm.sagemaker.stop_training_job(TrainingJobName=name)
                storm.stopped.add(name)
        workshop.until(lambda: not storm.running())
        for name in storm.jobs:
            storm.judge(name)
        listed = storm.sagemaker.get_paginator("list_training_jobs").paginate(NameContains="chaos-")
        assert {job["TrainingJobName"] for page in listed for job in page["TrainingJobSummaries"]} == set(storm.jobs)
        assert workshop.processes("TRAINING_JOB_NAME=chaos-") == []
        assert storm.restarts == FAULTS // 8
    finally:
        lifecycle.down(storm.home)
