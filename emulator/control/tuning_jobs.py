"""CreateHyperParameterTuningJob, DescribeHyperParameterTuningJob, ListTrainingJobsForHyperParameterTuningJob and the rest of tuning."""

import time
from collections import Counter
from typing import Any

from emulator.context import Context
from emulator.control.tags import set_tags
from emulator.errors import in_use, invalid, not_found
from emulator.jobs.failure import RESTARTED
from emulator.jobs.halving import ResourceError, verdict_of
from emulator.jobs.manager import Jobs
from emulator.jobs.tuning import KIND, TRIAL, run_tuning
from emulator.listing import Listing
from emulator.operations import at_start, operation
from emulator.store import RecordExistsError

_RUNNING = ("InProgress", "Stopping")
_JOBS = Listing(
    "HyperParameterTuningJobSummaries",
    {
        "Name": "HyperParameterTuningJobName",
        "CreationTime": "CreationTime",
        "LastModifiedTime": "LastModifiedTime",
        "Status": "HyperParameterTuningJobStatus",
    },
    summary=lambda record: record | {"Strategy": record["HyperParameterTuningJobConfig"]["Strategy"]},
)
_TRIALS = Listing(
    "TrainingJobSummaries",
    {"Name": "TrainingJobName", "CreationTime": "CreationTime", "Status": "TrainingJobStatus", "FinalObjectiveMetricValue": "Value"},
)


@operation("sagemaker", "CreateHyperParameterTuningJob", simulated="Bayesian draws as Random does")
def create_hyper_parameter_tuning_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a tuning job and start it. `Bayesian` draws as `Random` does."""
    _check(request)
    name, now = request["HyperParameterTuningJobName"], time.time()
    arn = context.arn(f"hyper-parameter-tuning-job/{name}")
    record = {key: value for key, value in request.items() if key != "Tags"} | {
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise in_use(f"Tuning job names must be unique within an AWS account and region, and {arn} exists already") from None
    set_tags(context, arn, request.get("Tags", []))
    context.part(Jobs).start(KIND, name, run_tuning)
    return {"HyperParameterTuningJobArn": arn}


def _check(request: dict[str, Any]) -> None:
    """Refuse what this emulator doesn't run."""
    config, definition = request["HyperParameterTuningJobConfig"], request.get("TrainingJobDefinition")
    if definition is None or "WarmStartConfig" in request or "Autotune" in request:
        raise invalid("TrainingJobDefinition is needed; several definitions, warm starts and Autotune are not run by this emulator")
    if "HyperParameterTuningJobObjective" not in config and "TuningObjective" not in definition:
        raise invalid("HyperParameterTuningJobObjective is missing")
    if config["Strategy"] != "Grid" and "MaxNumberOfTrainingJobs" not in config["ResourceLimits"]:
        raise invalid("ResourceLimits.MaxNumberOfTrainingJobs is missing")
    try:
        verdict_of(config, definition.get("StaticHyperParameters", {}), maximize=True)
    except ResourceError as error:
        raise invalid(str(error)) from None


def tuning_job(context: Context, name: str) -> dict[str, Any]:
    """The record of a tuning job.

    Raises
    ------
    ApiError
        When there is none.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise not_found(f"Could not find tuning job {context.arn(f'hyper-parameter-tuning-job/{name}')}")
    return record


@operation("sagemaker", "DescribeHyperParameterTuningJob")
def describe_hyper_parameter_tuning_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a tuning job, with the best training job so far."""
    record = tuning_job(context, request["HyperParameterTuningJobName"])
    trials = context.store.list(TRIAL, parent=record["HyperParameterTuningJobName"])
    counts = Counter(trial["TrainingJobStatus"] for trial in trials)
    objectives = Counter(trial["ObjectiveStatus"] for trial in trials)
    best = _best(record, trials)
    return record | {
        "TrainingJobStatusCounters": {
            "Completed": counts["Completed"],
            "InProgress": counts["InProgress"] + counts["Stopping"],
            "RetryableError": 0,
            "NonRetryableError": counts["Failed"],
            "Stopped": counts["Stopped"],
        },
        "ObjectiveStatusCounters": {status: objectives[status] for status in ("Succeeded", "Pending", "Failed")},
        **({"BestTrainingJob": best} if best else {}),
    }


def _best(record: dict[str, Any], trials: list[dict[str, Any]]) -> dict[str, Any] | None:
    definition = record["TrainingJobDefinition"]
    objective = record["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective") or definition["TuningObjective"]
    sign = 1 if objective["Type"] == "Maximize" else -1
    return max((trial for trial in trials if "Value" in trial), key=lambda trial: float(sign * trial["Value"]), default=None)


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_for_hyper_parameter_tuning_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The training jobs of a tuning job."""
    record = tuning_job(context, request["HyperParameterTuningJobName"])
    return _TRIALS.answer(context.store.list(TRIAL, parent=record["HyperParameterTuningJobName"]), request)


@operation("sagemaker", "ListHyperParameterTuningJobs")
def list_hyper_parameter_tuning_jobs(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Tuning jobs by name, time and status."""
    records = [describe_hyper_parameter_tuning_job(record, context) for record in context.store.list(KIND)]
    return _JOBS.answer(records, request)


@operation("sagemaker", "StopHyperParameterTuningJob")
def stop_hyper_parameter_tuning_job(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Stop the running training jobs and start no more."""
    record = tuning_job(context, request["HyperParameterTuningJobName"])
    name, status = record["HyperParameterTuningJobName"], record["HyperParameterTuningJobStatus"]
    if status not in _RUNNING:
        raise invalid(f"The request was rejected because the tuning job is in status {status}.")
    stopping = {"HyperParameterTuningJobStatus": "Stopping", "LastModifiedTime": time.time()}
    context.store.update(KIND, name, stopping, {"HyperParameterTuningJobStatus": "InProgress"})
    context.part(Jobs).stop(KIND, name)
    return {}


@at_start
def fail_interrupted(context: Context) -> None:
    """Tuning jobs that ran when the emulator ended have failed, with their trials."""
    for record in context.store.list(KIND, where=lambda record: record["HyperParameterTuningJobStatus"] in _RUNNING):
        ended = {"HyperParameterTuningJobStatus": "Failed", "FailureReason": RESTARTED, "HyperParameterTuningEndTime": time.time()}
        context.store.update(KIND, record["HyperParameterTuningJobName"], ended)
    for trial in context.store.list(TRIAL, where=lambda trial: trial["TrainingJobStatus"] in _RUNNING):
        failed = {"TrainingJobStatus": "Failed", "ObjectiveStatus": "Failed", "FailureReason": RESTARTED}
        context.store.update(TRIAL, trial["TrainingJobName"], failed)
