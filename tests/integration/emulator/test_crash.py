"""What is left when the emulator is killed, and how it goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from emulator import lifecycle


class Fragile:
    """An emulator that can be killed and started again."""

    def __init__(self, workshop: Any, home: Any, start: Any) -> None:
        self._workshop, self.home, self._start = workshop, home, start
        self.shop = self._up()
        self.shop.s3.create_bucket(Bucket=self.shop.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def _up(self) -> Any:
        return type(self._workshop)(self._start(self.home, self._workshop.home.with_suffix(".images.yaml")))

    def kill(self, mark: str) -> None:
        """SIGKILL; returns when no process with `mark` in its environment is left."""
        os.kill(lifecycle.status(self.home)["pid"], signal.SIGKILL)
        self.shop.until(lambda: not lifecycle.status(self.home)["running"])
        self.shop.until(lambda: not self.shop.processes(mark))

    def up(self) -> Any:
        self.shop = self._up()
        return self.shop


@pytest.fixture
def fragile(workshop: Any, tmp_path: Any, start_emulator: Any) -> Iterator[Fragile]:
    emulator = Fragile(workshop, tmp_path / "home", start_emulator)
    yield emulator
    lifecycle.down(emulator.home)


def test_running_jobs_have_failed_and_left_neither_process_nor_files(fragile):
    shop = fragile.shop
    shop.sagemaker.create_training_job(**shop.training("crashed", {"ACTION": "orphan"}))
    shop.until_printed("TrainingJobs", "crashed", "ready")
    assert len(shop.processes("TRAINING_JOB_NAME=crashed")) >= 2
    fragile.kill("TRAINING_JOB_NAME=crashed")
    assert (fragile.home / "jobs" / "training" / "crashed").is_dir()

    described = fragile.up().sagemaker.describe_training_job(TrainingJobName="crashed")
    assert not (fragile.home / "jobs").exists()
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Failed", "Failed")
    assert "the emulator ended while this job ran" in described["FailureReason"]


def test_an_execution_can_be_retried_from_where_it_was(fragile, build):
    shop = fragile.shop
    flag = shop.put("crash/flag", "sleep 300")
    held = build.processing("Held", "sh processing/flag/flag", {"flag": flag, "before": build.output("Done")})
    shop.pipeline("crash", [build.processing("Done", "date +%s%N > processing/out/when"), held])
    arn = shop.sagemaker.start_pipeline_execution(PipelineName="crash")["PipelineExecutionArn"]
    shop.until(lambda: "Metadata" in shop.steps(arn).get("Held", {}))
    done = shop.steps(arn)["Done"]
    job = shop.steps(arn)["Held"]["Metadata"]["ProcessingJob"]["Arn"]
    shop.until(lambda: shop.processes(job))
    fragile.kill(job)

    shop = fragile.up()
    execution, steps = shop.executed(arn), shop.steps(arn)
    assert (execution["PipelineExecutionStatus"], build.outcome(steps)) == ("Failed", {"Done": "Succeeded", "Held": "Failed"})
    assert "the emulator ended while this execution ran" in execution["FailureReason"]
    shop.put("crash/flag", "true")
    shop.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert shop.executed(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert "FailureReason" not in shop.executed(arn)
    assert shop.steps(arn)["Done"] == done


def test_an_orderly_end_leaves_the_same_as_a_crash(fragile):
    shop = fragile.shop
    shop.sagemaker.create_training_job(**shop.training("ended", {"ACTION": "stubborn"}))
    shop.until_printed("TrainingJobs", "ended", "ready")
    lifecycle.down(fragile.home)
    assert shop.processes("TRAINING_JOB_NAME=ended") == []
    described = fragile.up().sagemaker.describe_training_job(TrainingJobName="ended")
    assert (described["TrainingJobStatus"], "the emulator ended" in described["FailureReason"]) == ("Failed", True)
