"""Random faults against the emulator, the same ones for the same seed: no record is lost, no status is wrong, no process is left.

`python -m benchmarks.chaos [FAULTS] [SEED]`, 1,000 faults unless told otherwise. Each fault strikes while jobs start, run and end: a job is
stopped, its processes are killed, its Spot instance is taken away, a call is throttled or fails with a 500, there is no capacity, the
container of an endpoint is killed, the emulator itself is killed and started again. What is then true of every job, process and of
the endpoint must follow from what was done to it; the first thing that does not ends the run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.emulator import ROLE, SERVE
from benchmarks.record import recording
from emulator import lifecycle
from emulator.errors import EmulatorError

ENDED = ("Completed", "Failed", "Stopped")
ACTIONS = ("", "", "wait", "orphan", "fail", "spot")
BUCKET, ENDPOINT = "chaos", "steady"
LIMIT_SECONDS = 90
TRAIN = """#!/bin/sh
cd "$SAGEMAKER_BASE_DIR" && mkdir -p checkpoints || exit 9
case "$ACTION" in
    fail) echo "the data has no price column" > output/failure; exit 3 ;;
    wait) trap 'exit 0' TERM; sleep 300 & wait ;;
    orphan) setsid sleep 300 & sleep 300 ;;
    spot) if [ ! -f checkpoints/state ]; then trap 'echo saved > checkpoints/state; exit 0' TERM; sleep 300 & wait; fi ;;
esac
echo trained > model/word
"""


class Storm:
    """An emulator under faults, and what was done to each job."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.home, self.draw = folder / "home", random.Random(seed)
        self._images = folder / "images.yaml"
        self._images.write_text(json.dumps({"images": [{"match": "*", "folder": str(folder), "path": ["."]}]}))
        for name, text in (("train", TRAIN), ("serve", SERVE)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.jobs: dict[str, str] = {}
        self.done: dict[str, set[str]] = {"stopped": set(), "killed": set(), "interrupted": set(), "crashed": set(), "starved": set()}
        self.counts: Counter[str] = Counter()
        self._up()
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self._serve()

    def _up(self) -> None:
        running = lifecycle.up(self.home, port=0, images=self._images, region="eu-west-1")
        keys = {"aws_access_key_id": "chaos", "aws_secret_access_key": "chaos", "region_name": "eu-west-1"}
        config = Config(retries={"total_max_attempts": 1})
        self.sagemaker, self._runtime, self._s3 = (
            boto3.client(service, endpoint_url=running.url, config=config, **keys) for service in ("sagemaker", "sagemaker-runtime", "s3")
        )

    def _serve(self) -> None:
        variant = {"VariantName": "all", "ModelName": ENDPOINT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_model(ModelName=ENDPOINT, PrimaryContainer={"Image": "chaos"}, ExecutionRoleArn=ROLE)
        self.sagemaker.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        _until(self._answers, "the endpoint answers")

    def strike(self, restart_share: float) -> None:
        """Begin a job or two, and let one fault strike."""
        for _ in range(self.draw.randrange(1, 3)):
            self._begin_job()
        time.sleep(self.draw.uniform(0, 0.15))
        faults = (self._stop, self._kill, self._kill, self._interrupt, self._refuse, self._starve, self._kill_container)
        fault = self._crash if self.draw.random() < restart_share else self.draw.choice(faults)
        fault()
        self.counts[fault.__name__.strip("_")] += 1

    def _begin_job(self) -> None:
        """A new job; one whose start is refused leaves no record."""
        name, action = f"chaos-{len(self.jobs)}", self.draw.choice(ACTIONS)
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": "chaos", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/trained"},
            "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Environment": {"ACTION": action},
        }
        if action == "spot":
            request |= {"EnableManagedSpotTraining": True, "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"}}
            request["StoppingCondition"] = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 6000}
        try:
            self.sagemaker.create_training_job(**request)
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ThrottlingException", "InternalFailure"), error
            assert name not in self._names(NameContains=name)
            return
        self.jobs[name] = action

    def _names(self, **filters: Any) -> set[str]:
        pages = self.sagemaker.get_paginator("list_training_jobs").paginate(**filters, PaginationConfig={"PageSize": 100})
        return {job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]}

    def running(self) -> list[str]:
        """The jobs that have not ended."""
        return sorted(self._names(StatusEquals="InProgress") | self._names(StatusEquals="Stopping"))

    def _victim(self) -> str | None:
        running = self.running()
        return self.draw.choice(running) if running else None

    def _stop(self) -> None:
        name = self._victim()
        if name is not None:
            with contextlib.suppress(ClientError):  # it ended meanwhile
                self.sagemaker.stop_training_job(TrainingJobName=name)
                self.done["stopped"].add(name)

    def _kill(self) -> None:
        name = self._victim()
        for pid in _pids(f"\0TRAINING_JOB_NAME={name}\0", self._mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.done["killed"].add(str(name))

    def _interrupt(self) -> None:
        name = self._victim()
        if name is not None:
            with contextlib.suppress(EmulatorError):  # not on Spot, or not training at this moment
                lifecycle.interrupt(name, self.home)
                self.done["interrupted"].add(name)

    def _refuse(self) -> None:
        rule = self.draw.choice(({"code": "ThrottlingException", "status": 400}, {"code": "InternalFailure", "status": 500}))
        self._plan({"operations": [{"operation": "sagemaker:CreateTrainingJob", "times": 1, **rule}]})

    def _starve(self) -> None:
        self._plan({"capacity": [{"instance_type": "ml.g5.*", "times": 1}]})

    def _plan(self, rules: dict[str, Any]) -> None:
        (self.home / "faults.yaml").write_text(json.dumps(rules | {"seed": self.draw.randrange(1000)}))

    def _kill_container(self) -> None:
        for pid in _pids("\0SAGEMAKER_BIND_TO_PORT=", self._mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _until(self._answers, "the endpoint answers again after its container was killed")
        assert self.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] == "InService"

    def _crash(self) -> None:
        """The emulator is killed and started again: what ran has failed, nothing of it is left, the endpoint comes back."""
        before = set(self.running())
        os.kill(lifecycle.status(self.home)["pid"], signal.SIGKILL)
        _until(lambda: not _pids(self._mark), "every process of a killed emulator ends")
        self._up()
        assert self.running() == []
        self.done["crashed"] |= before
        _until(self._answers, "the endpoint answers again after a restart")

    @property
    def _mark(self) -> str:
        return f"\0SAGEMAKER_BASE_DIR={self.home}/"

    def _answers(self) -> bool:
        try:
            return bool(self._runtime.invoke_endpoint(EndpointName=ENDPOINT, Body=b"still there?")["Body"].read() == b"still there?")
        except ClientError:
            return False

    def settle(self) -> None:
        """Let every job end, and judge all of them."""
        for name in self.running():
            with contextlib.suppress(ClientError):
                self.sagemaker.stop_training_job(TrainingJobName=name)
                self.done["stopped"].add(name)
        _until(lambda: not self.running(), "all jobs end")
        assert self._names() == set(self.jobs), "a record is lost"
        for name in self.jobs:
            self._judge(name)
        self.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
        _until(lambda: not _pids(self._mark), "no process is left")

    def _judge(self, name: str) -> None:
        """A job's status must follow from what was done to it."""
        job, action = self.sagemaker.describe_training_job(TrainingJobName=name), self.jobs[name]
        status, reason = job["TrainingJobStatus"], job.get("FailureReason", "")
        done = {what for what, names in self.done.items() if name in names}
        shown = f"{name} ({action or 'plain'}; {', '.join(sorted(done)) or 'left alone'}) is {status}: {reason}"
        steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
        assert status in ENDED, shown
        assert steps[-1] == job["SecondaryStatus"], shown
        assert ("Interrupted" in steps) <= ("interrupted" in done), shown
        if status == "Completed":
            # a waiting job whose sleep was killed before its shell goes on to its end
            assert action == "" or (action != "fail" and done & {"killed", "interrupted"}), shown
            self._s3.head_object(Bucket=BUCKET, Key=f"trained/{name}/output/model.tar.gz")
        elif status == "Stopped":
            assert "stopped" in done, shown
        elif reason.startswith("AlgorithmError: "):
            assert action == "fail" or "killed" in done, shown
        else:
            crashed = reason.startswith("InternalServerError: the emulator ended")
            assert crashed or reason.startswith("CapacityError: "), shown
            assert not crashed or "crashed" in done or self.counts["crash"], shown


def _pids(*texts: str) -> list[int]:
    """The living processes with all of these texts in their environment."""
    found = []
    for folder in (item for item in Path("/proc").iterdir() if item.name.isdigit()):
        with contextlib.suppress(OSError):
            environment = b"\0" + (folder / "environ").read_bytes()
            if all(text.encode() in environment for text in texts):
                found.append(int(folder.name))
    return found


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"not within {LIMIT_SECONDS} s: {what}"
        time.sleep(0.02)


def run(folder: Path, faults: int, seed: int, restart_share: float = 0.08) -> Storm:
    """Let so many faults strike, and judge what is left.

    Raises
    ------
    AssertionError
        For the first thing that does not follow from what was done.
    """
    os.environ |= {"EMULATOR_WAIT_SCALE": "0", "EMULATOR_STOP_GRACE_SECONDS": "1"}
    storm = Storm(folder, seed)
    try:
        for _ in range(faults):
            storm.strike(restart_share)
        storm.settle()
    finally:
        lifecycle.down(storm.home)
    return storm


def main() -> None:
    parser = argparse.ArgumentParser(description="Random faults against the emulator.")
    parser.add_argument("faults", type=int, nargs="?", default=1000)
    parser.add_argument("seed", type=int, nargs="?", default=11)
    given = parser.parse_args()
    faults, seed = given.faults, given.seed
    with tempfile.TemporaryDirectory() as folder, recording("chaos") as recorder:
        start = time.monotonic()
        storm = run(Path(folder), faults, seed)
        kinds = ", ".join(f"{name} {count}" for name, count in storm.counts.most_common())
        note = (
            f"{len(storm.jobs)} jobs judged, none wrong, none lost, no process left; seed {seed}; {kinds}; {time.monotonic() - start:.0f} s"
        )
        recorder.add("faults", sum(storm.counts.values()), faults, "random faults", note)


if __name__ == "__main__":
    main()
