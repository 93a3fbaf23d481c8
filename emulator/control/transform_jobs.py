"""CreateTransformJob, DescribeTransformJob, ListTransformJobs, StopTransformJob."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.models import containers_of
from emulator.control.tags import set_tags
from emulator.errors import in_use, invalid, not_found
from emulator.jobs.failure import RESTARTED
from emulator.jobs.manager import Jobs
from emulator.jobs.transform import KIND, run_transform
from emulator.listing import Listing
from emulator.operations import at_start, operation
from emulator.store import RecordExistsError

_RUNNING = ("InProgress", "Stopping")
_DEFAULT_FILTERS = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
_LISTING = Listing(
    "TransformJobSummaries",
    {"Name": "TransformJobName", "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime", "Status": "TransformJobStatus"},
)


@operation("sagemaker", "CreateTransformJob", simulated="of the instances the first EMULATOR_VARIANT_PROCESSES are processes")
def create_transform_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a transform job and start it."""
    name, now = request["TransformJobName"], time.time()
    containers = containers_of(context, request["ModelName"])
    _check(request, len(containers))
    arn = context.arn(f"transform-job/{name}")
    record = {key: value for key, value in request.items() if key != "Tags"} | {
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Containers": containers,
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise in_use(f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})") from None
    set_tags(context, arn, request.get("Tags", []))
    context.part(Jobs).start(KIND, name, run_transform)
    return {"TransformJobArn": arn}


def _check(request: dict[str, Any], containers: int) -> None:
    """Refuse what this emulator doesn't run."""
    if containers != 1:
        raise invalid("A chain of containers is not run by this emulator: use a model of one container")
    if any(request.get("DataProcessing", {}).get(key, default) != default for key, default in _DEFAULT_FILTERS.items()):
        raise invalid("DataProcessing filters and joins are not run by this emulator: leave them out")
    if request["TransformInput"].get("SplitType", "None") not in ("None", "Line"):
        raise invalid("SplitType RecordIO and TFRecord are not run by this emulator: use None or Line")


def transform_job(context: Context, name: str) -> dict[str, Any]:
    """The record of a transform job.

    Raises
    ------
    ApiError
        When there is none.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise not_found(f"Could not find requested job with name: {name}")
    return record


@operation("sagemaker", "DescribeTransformJob")
def describe_transform_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a transform job."""
    return transform_job(context, request["TransformJobName"])


@operation("sagemaker", "ListTransformJobs")
def list_transform_jobs(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Transform jobs by name, time and status."""
    return _LISTING.answer(context.store.list(KIND), request)


@operation("sagemaker", "StopTransformJob")
def stop_transform_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Stop a job; what it has not written yet is lost."""
    record = transform_job(context, request["TransformJobName"])
    name, status = record["TransformJobName"], record["TransformJobStatus"]
    if status not in _RUNNING:
        raise invalid(f"The request was rejected because the transform job is in status {status}.")
    stopping = {"TransformJobStatus": "Stopping", "LastModifiedTime": time.time()}
    context.store.update(KIND, name, stopping, {"TransformJobStatus": "InProgress"})
    context.part(Jobs).stop(KIND, name)
    return {}


@at_start
def fail_interrupted(context: Context) -> None:
    """Jobs that ran when the emulator ended have failed."""
    for record in context.store.list(KIND, where=lambda record: record["TransformJobStatus"] in _RUNNING):
        ended = {"TransformJobStatus": "Failed", "FailureReason": RESTARTED, "TransformEndTime": time.time()}
        context.store.update(KIND, record["TransformJobName"], ended)
