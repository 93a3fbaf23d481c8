"""What an execution looks like at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelines.aws import client

if TYPE_CHECKING:
    from pipelines.settings import Settings

JOB_KINDS = ("ProcessingJob", "TrainingJob", "TransformJob")
FINISHED = frozenset({"Succeeded", "Failed", "Stopped"})


@dataclass(frozen=True)
class StepState:
    """One step of an execution.

    Attributes
    ----------
    name, status : as the service gives them.
    seconds : from its start to its end, or to now while it runs.
    source_execution : ARN of the execution whose result was reused, empty when the step itself ran.
    reason : why it failed, empty otherwise.
    detail : what it made or decided: the job's ARN, the model package's ARN, the outcome of a condition.
    job_kind : "ProcessingJob", "TrainingJob", "TransformJob" or empty.
    """

    name: str
    status: str
    seconds: float
    source_execution: str = ""
    reason: str = ""
    detail: str = ""
    job_kind: str = ""

    @property
    def cached(self) -> bool:
        """Was the result of an earlier execution reused?"""
        return bool(self.source_execution)

    @property
    def job_name(self) -> str:
        """The name of the job behind the step, empty when there is none."""
        return self.detail.rpartition("/")[2] if self.job_kind else ""


@dataclass(frozen=True)
class Snapshot:
    """One execution: its status, its reason when it failed, its steps in the order in which they started."""

    execution_arn: str
    status: str
    reason: str
    steps: tuple[StepState, ...]

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    def step(self, name: str) -> StepState | None:
        """The step of that name, None when it did not run."""
        return next((step for step in self.steps if step.name == name), None)


def take(execution_arn: str, settings: Settings) -> Snapshot:
    """Ask the service for the execution and all its steps."""
    sagemaker = client("sagemaker", settings)
    execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution_arn)
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=execution_arn, SortOrder="Ascending")
    steps = tuple(_state(step) for page in pages for step in page["PipelineExecutionSteps"])
    return Snapshot(execution_arn, execution["PipelineExecutionStatus"], execution.get("FailureReason", ""), steps)


def origin_of(step: StepState, settings: Settings) -> StepState:
    """The step as it ran: that of the execution whose result was reused, where the service names no job for a reused one."""
    while not step.job_name and step.cached:
        earlier = take(step.source_execution, settings).step(step.name)
        if earlier is None:
            break
        step = earlier
    return step


def _state(step: Mapping[str, Any]) -> StepState:
    metadata = step.get("Metadata", {})
    job_kind = next((kind for kind in JOB_KINDS if kind in metadata), "")
    return StepState(
        name=step["StepName"],
        status=step["StepStatus"],
        seconds=_seconds(step.get("StartTime"), step.get("EndTime")),
        source_execution=step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", ""),
        reason=step.get("FailureReason", "") or metadata.get("Fail", {}).get("ErrorMessage", ""),
        detail=_detail(metadata),
        job_kind=job_kind,
    )


def _detail(metadata: Mapping[str, Any]) -> str:
    for facts in metadata.values():
        for key in ("Arn", "Outcome"):
            if facts.get(key):
                return str(facts[key])
    return ""


def _seconds(start: datetime | None, end: datetime | None) -> float:
    if start is None:
        return 0.0
    return max(0.0, ((end or datetime.now(UTC)) - start).total_seconds())
