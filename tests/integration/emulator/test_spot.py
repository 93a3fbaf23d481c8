"""Failures on purpose: Spot interruptions, missing capacity, throttling, and the retry policies that meet them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle
from emulator.errors import EmulatorError

SPOT = {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 600}}
Faults = Callable[..., None]


@pytest.fixture
def faults(workshop: Any) -> Iterator[Faults]:
    """Writes the faults file of the emulator; afterwards there is none."""
    path = workshop.home / "faults.yaml"

    def write(**rules: Any) -> None:
        path.write_text(json.dumps({"seed": 1} | rules))

    yield write
    path.unlink(missing_ok=True)


def _statuses(described: dict[str, Any]) -> list[str]:
    return [step["Status"] for step in described["SecondaryStatusTransitions"]]


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(workshop, faults):
    faults(spot=[{"job": "spot-resumes", "after_seconds": 1.5, "times": 1}])
    checkpoint = {"CheckpointConfig": {"S3Uri": "s3://workshop/checkpoints/spot"}}
    described = workshop.train("spot-resumes", {"ACTION": "once"}, **SPOT, **checkpoint)
    assert described["TrainingJobStatus"] == "Completed"
    first, again = ["Starting", "Downloading", "Training"], ["Interrupted", "Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert _statuses(described) == first + again
    assert described["TrainingTimeInSeconds"] >= 1
    assert "resumed from saved" in workshop.log("TrainingJobs", "spot-resumes")


def test_an_on_demand_job_is_never_interrupted(workshop, faults):
    faults(spot=[{"job": "*", "after_seconds": 0}])
    assert "Interrupted" not in _statuses(workshop.train("on-demand"))


def test_a_spot_job_gives_up_after_its_maximum_wait(workshop, faults):
    faults(spot=[{"job": "spot-gives-up", "after_seconds": 0.1}])
    described = workshop.train("spot-gives-up", {"ACTION": "wait"}, **SPOT)
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert _statuses(described).count("Interrupted") == 10  # each costs a minute of waiting


def test_a_spot_job_waits_for_capacity_and_an_on_demand_job_fails(workshop, faults):
    faults(capacity=[{"instance_type": "ml.g5.*", "times": 2}])
    assert workshop.train("spot-waits", **SPOT)["TrainingJobStatus"] == "Completed"
    faults(capacity=[{"instance_type": "ml.g5.*", "times": 1}, {"instance_type": "ml.p4d.*"}])
    described = workshop.train("no-capacity")
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("CapacityError: Unable to provision requested ML compute capacity")
    assert workshop.train("capacity-again")["TrainingJobStatus"] == "Completed"


def test_a_throttled_operation_answers_as_the_service(workshop, faults):
    faults(operations=[{"operation": "sagemaker:ListModels", "times": 1}])
    with pytest.raises(ClientError) as caught:
        workshop.sagemaker.list_models()
    assert (caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]) == ("ThrottlingException", "Rate exceeded")
    assert "Models" in workshop.sagemaker.list_models()


def _train_step(workshop: Any, *policies: dict[str, Any]) -> dict[str, Any]:
    step = {"Name": "Train", "Type": "Training", "Arguments": workshop.training("unused"), "RetryPolicies": list(policies)}
    del step["Arguments"]["TrainingJobName"]
    return step


def test_a_retry_policy_outlasts_missing_capacity_and_throttling(workshop, faults):
    throttled = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 5, "BackoffRate": 2.0, "MaxAttempts": 3}
    capacity = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 60, "BackoffRate": 2.0, "ExpireAfterMin": 60}
    workshop.pipeline("outlasts", [_train_step(workshop, throttled, capacity)])
    faults(
        capacity=[{"instance_type": "ml.g5.*", "times": 2}],
        operations=[{"operation": "sagemaker:CreateTrainingJob", "times": 2}],
    )
    execution, steps = workshop.execute("outlasts")
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    assert steps["Train"]["AttemptCount"] == 5


def test_a_retry_policy_gives_up_after_its_attempts(workshop, faults):
    policy = {"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": 1, "MaxAttempts": 2}
    workshop.pipeline("gives-up", [_train_step(workshop, policy)])
    faults(operations=[{"operation": "sagemaker:Create*", "code": "InternalFailure", "status": 500, "message": "try later"}])
    _, steps = workshop.execute("gives-up")
    assert steps["Train"]["StepStatus"] == "Failed"
    assert steps["Train"]["AttemptCount"] == 3
    assert steps["Train"]["FailureReason"].endswith("Failed to invoke sagemaker:CreateTrainingJob. Error Details: try later")


def test_a_malformed_faults_file_is_named_in_the_answer(workshop, faults):
    faults(spots=[])
    with pytest.raises(ClientError, match=r"InternalFailure.*faults\.yaml may have seed, spot, capacity and operations"):
        workshop.sagemaker.list_models()


def test_the_same_seed_strikes_the_same_calls(workshop, faults):
    def struck() -> list[bool]:
        faults(operations=[{"operation": "sagemaker:ListTags", "probability": 0.5}])
        return [not _answers(workshop) for _ in range(12)]

    first, second = struck(), struck()
    assert first == second
    assert 0 < sum(first) < 12


def _answers(workshop: Any) -> bool:
    try:
        workshop.sagemaker.list_tags(ResourceArn="arn:aws:sagemaker:eu-west-1:123456789012:model/m")
    except ClientError:
        return False
    return True


def test_a_call_takes_the_instance_away(workshop):
    checkpoint = {"CheckpointConfig": {"S3Uri": "s3://workshop/checkpoints/asked"}}
    workshop.sagemaker.create_training_job(**workshop.training("spot-asked", {"ACTION": "once"}, **SPOT, **checkpoint))
    workshop.until_printed("TrainingJobs", "spot-asked", "ready")
    lifecycle.interrupt("spot-asked", workshop.home)
    described = workshop.trained("spot-asked")
    assert (described["TrainingJobStatus"], _statuses(described).count("Interrupted")) == ("Completed", 1)
    assert "resumed from saved" in workshop.log("TrainingJobs", "spot-asked")


def test_a_call_interrupts_only_spot_jobs_that_train(workshop):
    for name, words in (
        ("spot-asked-absent", "no training job"),
        ("spot-over", "only a job that is Training"),
        ("on-demand-asked", "not a managed Spot"),
    ):
        if "absent" not in name:
            workshop.train(name, **SPOT if "spot" in name else {})
        with pytest.raises(EmulatorError, match=words):
            lifecycle.interrupt(name, workshop.home)
