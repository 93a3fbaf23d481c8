"""What the function is told by EventBridge, as three kinds of news; whatever else comes is none of its business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Decision:
    """Somebody approved or rejected a package, at `time` (ISO 8601, UTC). There may be several events of one decision."""

    package: str
    status: str
    time: str


@dataclass(frozen=True)
class Change:
    """An endpoint has another status. What it is now is asked for: events come late and out of order."""

    endpoint: str


@dataclass(frozen=True)
class End:
    """An execution of the pipeline ended; its forecasts are there, or never will be."""

    execution: str


@dataclass(frozen=True)
class Look:
    """The clock: see whether anything was left open."""


News = Decision | Change | End | Look


def read(event: Any) -> News | None:
    """The news in an event, None when there is none in it for us."""
    if not isinstance(event, Mapping) or not isinstance(event.get("detail"), Mapping):
        return None
    detail = event["detail"]
    match event.get("detail-type"):
        case "SageMaker Model Package State Change":
            arn, status = detail.get("ModelPackageArn"), detail.get("ModelApprovalStatus")
            if isinstance(arn, str) and isinstance(status, str):
                return Decision(arn, status, str(event.get("time", "")))
        case "SageMaker Endpoint State Change":
            name = detail.get("EndpointName")
            if isinstance(name, str):
                return Change(name)
        case "SageMaker Model Building Pipeline Execution Status Change":
            arn, status = detail.get("pipelineExecutionArn"), detail.get("currentPipelineExecutionStatus")
            if isinstance(arn, str) and status in {"Succeeded", "Failed", "Stopped"}:
                return End(arn)
        case "Scheduled Event":
            return Look()
    return None
