"""What an execution did cost: the billable seconds of its jobs, and what Spot capacity saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pipelines import prices, snapshot
from pipelines.aws import client, is_absent
from pipelines.errors import ExecutionError
from pipelines.prices import Prices
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot, StepState

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class StepCost:
    """One job.

    Attributes
    ----------
    running_seconds : how long its machines worked; for Spot training without the waits.
    billable_seconds : how much of it is paid, at the on-demand price: for Spot training the service counts the saving here.
    usd, on_demand_usd : the price of the one and of the other.
    """

    step: str
    instance_type: str
    instances: int
    running_seconds: float
    billable_seconds: float
    usd: float
    on_demand_usd: float


@dataclass(frozen=True)
class ExecutionCost:
    """An execution: its status, the cost of each job that ran, the steps that were reused and cost nothing."""

    execution_arn: str
    status: str
    steps: tuple[StepCost, ...]
    reused: tuple[str, ...]

    @property
    def usd(self) -> float:
        return sum(step.usd for step in self.steps)

    @property
    def saved_usd(self) -> float:
        return sum(step.on_demand_usd - step.usd for step in self.steps)


def find(name: str, settings: Settings) -> str:
    """The ARN of an execution of the pipeline by its ARN or id, or of the `newest`; ExecutionError when there is none."""
    if name.startswith("arn:"):
        return name
    pages = client("sagemaker", settings).get_paginator("list_pipeline_executions")
    try:
        for page in pages.paginate(PipelineName=settings.pipeline_name, SortBy="CreationTime", SortOrder="Descending"):
            for item in page["PipelineExecutionSummaries"]:
                arn = str(item["PipelineExecutionArn"])
                if name in {"newest", arn.rpartition("/")[2]}:
                    return arn
    except ClientError as error:
        if not is_absent(error):
            raise
    raise ExecutionError(f"--execution {name}: pipeline {settings.pipeline_name} has no such execution; `housing status` lists them")


def cost_of_execution(execution_arn: str, settings: Settings) -> ExecutionCost:
    """Ask the service for each job of the execution; a job that still runs counts up to now.

    Errors: PriceError when the price of a machine is not known.
    """
    table = prices.load(settings.prices_file)
    taken = snapshot.take(execution_arn, settings)
    sagemaker = client("sagemaker", settings)
    costs = [cost_of_job(step, describe_job(step, sagemaker), table) for step in taken.steps if step.job_name and not step.cached]
    return ExecutionCost(execution_arn, taken.status, tuple(costs), _reused(taken))


def _reused(taken: Snapshot) -> tuple[str, ...]:
    return tuple(step.name for step in taken.steps if step.cached)


def describe_job(step: StepState, sagemaker: Any) -> dict[str, Any]:
    """What the service knows of the job behind a step."""
    described: dict[str, Any] = getattr(sagemaker, _KINDS[step.job_kind][0])(**{f"{step.job_kind}Name": step.job_name})
    return described


def cost_of_job(step: StepState, job: Mapping[str, Any], table: Prices) -> StepCost:
    """The cost of the job of a step, from its description; what still runs counts up to now."""
    cluster, running, billable = _KINDS[step.job_kind][1](job)
    count, hourly = int(cluster["InstanceCount"]), table.sagemaker_usd_per_hour(cluster["InstanceType"])
    volume = float(cluster.get("VolumeSizeInGB", 0)) * table.storage_usd_per_gib_month.ml_volume / table.hours_per_month
    hours = [seconds / SECONDS_PER_HOUR * count for seconds in (billable, running)]
    paid, full = hours[0] * hourly + hours[1] * volume, hours[1] * (hourly + volume)
    return StepCost(step.name, cluster["InstanceType"], count, running, billable, paid, max(full, paid))


def _training(job: Mapping[str, Any]) -> tuple[Mapping[str, Any], float, float]:
    running = float(job.get("TrainingTimeInSeconds") or _between(job.get("TrainingStartTime"), job.get("TrainingEndTime")))
    return job["ResourceConfig"], running, float(job.get("BillableTimeInSeconds", running))


def _processing(job: Mapping[str, Any]) -> tuple[Mapping[str, Any], float, float]:
    seconds = _between(job.get("ProcessingStartTime"), job.get("ProcessingEndTime"))
    return job["ProcessingResources"]["ClusterConfig"], seconds, seconds


def _transform(job: Mapping[str, Any]) -> tuple[Mapping[str, Any], float, float]:
    seconds = _between(job.get("TransformStartTime"), job.get("TransformEndTime"))
    return job["TransformResources"], seconds, seconds


def _between(start: datetime | None, end: datetime | None) -> float:
    return max(0.0, ((end or datetime.now(UTC)) - start).total_seconds()) if start else 0.0


_KINDS = {
    "TrainingJob": ("describe_training_job", _training),
    "ProcessingJob": ("describe_processing_job", _processing),
    "TransformJob": ("describe_transform_job", _transform),
}
