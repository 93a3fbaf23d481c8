"""Puts the pipeline in place and runs it: upsert, start, find and stop an execution."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent
from pipelines.errors import ExecutionError
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.settings import Settings

RUNNING = frozenset({"Executing", "Stopping"})


def upsert(definition: str, settings: Settings) -> Literal["created", "updated", "unchanged"]:
    """Create the pipeline, or update it when its definition, role or parallelism changed."""
    sagemaker = client("sagemaker", settings)
    wanted = {
        "PipelineName": settings.pipeline_name,
        "PipelineDefinition": definition,
        "RoleArn": settings.role_arn,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": settings.parallel_steps},
    }
    try:
        there = sagemaker.describe_pipeline(PipelineName=settings.pipeline_name)
    except ClientError as error:
        if not is_absent(error):
            raise
        sagemaker.create_pipeline(**wanted, Tags=tag_list(settings), ClientRequestToken=_token())
        return "created"
    if _same(there, wanted):
        return "unchanged"
    sagemaker.update_pipeline(**wanted)
    return "updated"


def start(parameters: Mapping[str, str], settings: Settings, description: str = "", name: str = "", token: str = "") -> str:
    """Start an execution and return its ARN. The request token makes a retried call start it once.

    `token` (32 to 128 characters) is one of the caller's own, for starts that are asked for more than once; `name` is displayed.
    """
    said = {"PipelineExecutionDescription": description, "PipelineExecutionDisplayName": name}
    response = client("sagemaker", settings).start_pipeline_execution(
        PipelineName=settings.pipeline_name,
        PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        ClientRequestToken=token or _token(),
        **{key: value for key, value in said.items() if value},
    )
    return str(response["PipelineExecutionArn"])


def named(name: str, since: datetime, settings: Settings) -> str | None:
    """The ARN of the execution that is displayed under `name` and was started after `since`, None when there is none."""
    pages = (
        client("sagemaker", settings)
        .get_paginator("list_pipeline_executions")
        .paginate(PipelineName=settings.pipeline_name, CreatedAfter=since, SortBy="CreationTime", SortOrder="Descending")
    )
    for page in pages:
        for item in page["PipelineExecutionSummaries"]:
            if item.get("PipelineExecutionDisplayName") == name:
                return str(item["PipelineExecutionArn"])
    return None


def running(settings: Settings) -> str | None:
    """The ARN of the newest execution that still runs, if any."""
    return next((item["PipelineExecutionArn"] for item in _executions(settings) if item["PipelineExecutionStatus"] in RUNNING), None)


def newest(settings: Settings, status: str = "Succeeded") -> str:
    """The ARN of the newest execution with that status; ExecutionError when there is none."""
    for item in _executions(settings):
        if item["PipelineExecutionStatus"] == status:
            return str(item["PipelineExecutionArn"])
    raise ExecutionError(f"pipeline {settings.pipeline_name}: no execution has {status.lower()}; start one with `housing run`")


def latest(settings: Settings) -> str | None:
    """The ARN of the newest execution, whatever its status; None when there is none."""
    return next((str(item["PipelineExecutionArn"]) for item in _executions(settings)), None)


def parameters_of(execution_arn: str, settings: Settings) -> dict[str, str]:
    """The parameters that the execution was started with."""
    response = client("sagemaker", settings).list_pipeline_parameters_for_execution(PipelineExecutionArn=execution_arn)
    return {item["Name"]: item["Value"] for item in response["PipelineParameters"]}


def stop(execution_arn: str, settings: Settings) -> None:
    """Ask the execution to stop; its running steps are stopped, finished ones are kept."""
    client("sagemaker", settings).stop_pipeline_execution(PipelineExecutionArn=execution_arn, ClientRequestToken=_token())


def _executions(settings: Settings) -> list[dict[str, Any]]:
    """Newest first; empty when the pipeline does not exist yet."""
    try:
        response = client("sagemaker", settings).list_pipeline_executions(
            PipelineName=settings.pipeline_name, SortBy="CreationTime", SortOrder="Descending", MaxResults=50
        )
    except ClientError as error:
        if is_absent(error):
            return []
        raise
    return list(response["PipelineExecutionSummaries"])


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    definitions_agree = bool(json.loads(there["PipelineDefinition"]) == json.loads(wanted["PipelineDefinition"]))
    return definitions_agree and all(there.get(name) == wanted[name] for name in ("RoleArn", "ParallelismConfiguration"))


def _token() -> str:
    return uuid.uuid4().hex
