"""One execution of our pipeline, or one training on EKS, in words that a program can wait on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.shared.errors import ApiError
from lambdas.status.clients import Place, client

MAX_REASON_CHARACTERS = 1000

_ID = re.compile(r"[a-z0-9]{12}")
_JOB = re.compile(r"(api|schedule|upload|drift|train)-[0-9a-f]{20}")
_ABSENT = frozenset({"ResourceNotFound", "ResourceNotFoundException", "ValidationException"})


def status(wanted: str, place: Place, pipeline: str) -> dict[str, Any]:
    """The execution with its steps. ApiError 404 for another pipeline's, or none."""
    if not _ID.fullmatch(wanted):
        raise _absent(wanted)
    sagemaker, arn = client("sagemaker", place.region), place.pipeline_execution(pipeline, wanted)
    try:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise _absent(wanted) from error
        raise
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn, SortOrder="Ascending")
    ended = found.get("LastModifiedTime") if found["PipelineExecutionStatus"] in {"Succeeded", "Failed", "Stopped"} else None
    return {
        "execution": wanted,
        "name": found.get("PipelineExecutionDisplayName", ""),
        "status": found["PipelineExecutionStatus"],
        "reason": _short(found.get("FailureReason", "")),
        "started": _time(found.get("CreationTime")),
        "ended": _time(ended),
        "steps": [_step(step) for page in pages for step in page["PipelineExecutionSteps"]],
    }


def is_training_on_eks(wanted: str) -> bool:
    """Can it be the name of a Job that housing-train made?"""
    return _JOB.fullmatch(wanted) is not None


def on_eks(wanted: str, place: Place, cluster: str) -> dict[str, Any]:
    """A Job on the cluster, in the same words. ApiError 404 when there is none, 503 when the cluster does not answer."""
    from pipelines.eks import api, jobs

    try:
        found = jobs.find(api.Api(api.Cluster.described(cluster, place.region, client("eks", place.region))), wanted)
    except api.ClusterError as error:
        raise ApiError(503, "cluster", str(error), 30) from error
    if found is None:
        raise _absent(wanted)
    state, conditions = found.get("status", {}), found.get("status", {}).get("conditions", [])
    ending: dict[str, str] = next((one for one in conditions if one["type"] in {"Complete", "Failed"} and one["status"] == "True"), {})
    return {
        "execution": wanted,
        "name": wanted,
        "status": {"Complete": "Succeeded", "Failed": "Failed"}.get(ending.get("type", ""), "Executing"),
        "reason": _short(ending.get("message", "") if ending.get("type") == "Failed" else ""),
        "started": state.get("startTime"),
        "ended": ending.get("lastTransitionTime"),
        "steps": [],
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    reason = step.get("FailureReason", "") or step.get("Metadata", {}).get("Fail", {}).get("ErrorMessage", "")
    return {
        "name": step["StepName"],
        "status": step["StepStatus"],
        "reason": _short(reason),
        "started": _time(step.get("StartTime")),
        "ended": _time(step.get("EndTime")),
        "cached": "CacheHitResult" in step,
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if value else None


def _short(reason: str) -> str:
    return reason[:MAX_REASON_CHARACTERS]


def _absent(wanted: str) -> ApiError:
    return ApiError(404, "not_found", f"execution {wanted[:64]!r}: is none of this pipeline's; POST /v1/training starts one")
