"""CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs, StopProcessingJob."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.tags import set_tags
from emulator.errors import in_use, invalid, not_found
from emulator.jobs.failure import RESTARTED
from emulator.jobs.manager import Jobs
from emulator.jobs.processing import KIND, run_processing
from emulator.listing import Listing
from emulator.operations import at_start, operation
from emulator.store import RecordExistsError

_RUNNING = ("InProgress", "Stopping")
_LISTING = Listing(
    "ProcessingJobSummaries",
    {"Name": "ProcessingJobName", "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime", "Status": "ProcessingJobStatus"},
)


@operation("sagemaker", "CreateProcessingJob", simulated="instance types are names only; the network is not isolated")
def create_processing_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a processing job and start it."""
    if any(item.get("S3Input", {}).get("S3InputMode") == "Pipe" for item in request.get("ProcessingInputs", [])):
        raise invalid("S3InputMode Pipe is not run by this emulator: use File")
    name, now = request["ProcessingJobName"], time.time()
    arn = context.arn(f"processing-job/{name}")
    record = {key: value for key, value in request.items() if key != "Tags"} | {
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise in_use(f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})") from None
    set_tags(context, arn, request.get("Tags", []))
    context.part(Jobs).start(KIND, name, run_processing)
    return {"ProcessingJobArn": arn}


def processing_job(context: Context, name: str) -> dict[str, Any]:
    """The record of a processing job.

    Raises
    ------
    ApiError
        When there is none.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise invalid(f"Could not find requested job with name: {name}")
    return record


@operation("sagemaker", "DescribeProcessingJob")
def describe_processing_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a processing job."""
    return processing_job(context, request["ProcessingJobName"])


@operation("sagemaker", "ListProcessingJobs")
def list_processing_jobs(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Processing jobs by name, time and status."""
    return _LISTING.answer(context.store.list(KIND), request)


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """SIGTERM to the job, SIGKILL after the grace."""
    name = request["ProcessingJobName"]
    record = context.store.get(KIND, name)
    if record is None:
        raise not_found(f"Could not find requested job with name: {name}")
    if record["ProcessingJobStatus"] not in _RUNNING:
        raise invalid(f"The request was rejected because the processing job is in status {record['ProcessingJobStatus']}.")
    stopping = {"ProcessingJobStatus": "Stopping", "LastModifiedTime": time.time()}
    context.store.update(KIND, name, stopping, {"ProcessingJobStatus": "InProgress"})
    context.part(Jobs).stop(KIND, name)
    return {}


@at_start
def fail_interrupted(context: Context) -> None:
    """Jobs that ran when the emulator ended have failed."""
    for record in context.store.list(KIND, where=lambda record: record["ProcessingJobStatus"] in _RUNNING):
        ended = {"ProcessingJobStatus": "Failed", "FailureReason": RESTARTED, "ProcessingEndTime": time.time()}
        context.store.update(KIND, record["ProcessingJobName"], ended)
