"""CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.tags import set_tags
from emulator.errors import in_use, invalid
from emulator.jobs.artifacts import model_uri
from emulator.jobs.failure import RESTARTED
from emulator.jobs.manager import Jobs
from emulator.jobs.secondary import end, enter
from emulator.jobs.training import KIND, run_training
from emulator.listing import Listing
from emulator.operations import at_start, operation
from emulator.store import RecordExistsError

_SIMULATED = "instance types are names only; Spot interruptions and capacity come from the faults file; FastFile copies as File does"
_RUNNING = ("InProgress", "Stopping")
_LISTING = Listing(
    "TrainingJobSummaries",
    {"Name": "TrainingJobName", "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime", "Status": "TrainingJobStatus"},
)


@operation("sagemaker", "CreateTrainingJob", simulated=_SIMULATED)
def create_training_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a training job and start it."""
    name = request["TrainingJobName"]
    _check(request)
    arn, now = context.arn(f"training-job/{name}"), time.time()
    record = {key: value for key, value in request.items() if key != "Tags"} | {
        "TrainingJobArn": arn,
        "TrainingJobStatus": "InProgress",
        "CreationTime": now,
        "ModelArtifacts": {"S3ModelArtifacts": model_uri(name, request["OutputDataConfig"])},
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get("EnableInterContainerTrafficEncryption", False),
    }
    try:
        context.store.add(KIND, name, record | enter({}, "Starting"))
    except RecordExistsError:
        raise in_use(f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})") from None
    set_tags(context, arn, request.get("Tags", []))
    context.part(Jobs).start(KIND, name, run_training)
    return {"TrainingJobArn": arn}


def _check(request: dict[str, Any]) -> None:
    """Refuse what the service refuses beyond its model."""
    stopping, resources = request.get("StoppingCondition", {}), request.get("ResourceConfig", {})
    single = "InstanceType" in resources and resources.get("InstanceCount", 0) > 0
    if single == bool(resources.get("InstanceGroups")):
        raise invalid(
            "ResourceConfig needs either InstanceType and InstanceCount, or InstanceGroups; preferences are not run by this emulator"
        )
    _check_groups(resources.get("InstanceGroups", []), request.get("InputDataConfig", []))
    wait = stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if wait is None:
            raise invalid("Invalid MaxWaitTimeInSeconds. It must be present when EnableManagedSpotTraining is set to true")
        if wait < stopping.get("MaxRuntimeInSeconds", 86400):
            raise invalid("Invalid MaxWaitTimeInSeconds. It must be greater than or equal to MaxRuntimeInSeconds")
    elif wait is not None:
        raise invalid("MaxWaitTimeInSeconds above 0 is not supported when EnableManagedSpotTraining is set to false")
    modes = [
        request["AlgorithmSpecification"]["TrainingInputMode"],
        *(item.get("InputMode") for item in request.get("InputDataConfig", [])),
    ]
    if "Pipe" in modes:
        raise invalid("TrainingInputMode Pipe is not run by this emulator: use File or FastFile")


def _check_groups(groups: list[dict[str, Any]], channels: list[dict[str, Any]]) -> None:
    if any(not group.keys() >= {"InstanceType", "InstanceCount", "InstanceGroupName"} for group in groups):
        raise invalid("Each of ResourceConfig.InstanceGroups needs InstanceType, InstanceCount and InstanceGroupName")
    known = {group["InstanceGroupName"] for group in groups}
    for channel in channels:
        unknown = set(channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames", [])) - known
        if unknown:
            raise invalid(f"Channel {channel['ChannelName']!r} names instance groups that there are not: {', '.join(sorted(unknown))}")


def training_job(context: Context, name: str) -> dict[str, Any]:
    """The record of a training job.

    Raises
    ------
    ApiError
        When there is none.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise invalid("Requested resource not found.")
    return record


@operation("sagemaker", "DescribeTrainingJob")
def describe_training_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a training job."""
    return training_job(context, request["TrainingJobName"])


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Training jobs by name, time and status."""
    return _LISTING.answer(context.store.list(KIND), request)


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """SIGTERM to the job, SIGKILL after the grace."""
    record = training_job(context, request["TrainingJobName"])
    if record["TrainingJobStatus"] not in _RUNNING:
        raise invalid(f"The request was rejected because the training job is in status {record['TrainingJobStatus']}.")
    stopping = {"TrainingJobStatus": "Stopping"}
    context.store.update(
        KIND, record["TrainingJobName"], lambda now: enter(now, "Stopping") | stopping, {"TrainingJobStatus": "InProgress"}
    )
    context.part(Jobs).stop(KIND, record["TrainingJobName"])
    return {}


@at_start
def fail_interrupted(context: Context) -> None:
    """Jobs that ran when the emulator ended have failed."""
    for record in context.store.list(KIND, where=lambda record: record["TrainingJobStatus"] in _RUNNING):
        ended = {"TrainingJobStatus": "Failed", "FailureReason": RESTARTED, "TrainingEndTime": time.time()}
        context.store.update(KIND, record["TrainingJobName"], end(record, "Failed", RESTARTED) | ended)
