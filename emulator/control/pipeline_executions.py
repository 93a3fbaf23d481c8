"""StartPipelineExecution, StopPipelineExecution, RetryPipelineExecution."""

import hashlib
import secrets
import string
import time
from typing import Any

from emulator.context import Context
from emulator.control.pipelines import KIND as PIPELINE
from emulator.control.pipelines import current_version
from emulator.control.selection import select
from emulator.definition.document import parameter_values, read_definition
from emulator.definition.executions import Executions
from emulator.definition.executor import Execution
from emulator.definition.records import EXECUTION, RUNNING, end_execution, end_step, steps_of
from emulator.errors import ApiError, invalid, not_found
from emulator.operations import at_start, operation
from emulator.store import RecordExistsError

_TOKEN = "pipeline-execution-token"  # noqa: S105 a kind of record
_LIMIT = {"MaxParallelExecutionSteps": 50}
_RESTARTED = "InternalServerError: the emulator ended while this execution ran. Retry the execution."


@operation("sagemaker", "StartPipelineExecution")
def start_pipeline_execution(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Start an execution, once per ClientRequestToken."""
    source = current_version(request, context)
    given = {item["Name"]: item["Value"] for item in request.get("PipelineParameters", [])}
    definition = read_definition(source["PipelineDefinition"])
    values, now, identity = parameter_values(definition, given), time.time(), _execution_id()
    arn = f"{source['PipelineArn']}/execution/{identity}"
    known = _claim(context, source["PipelineArn"], request, arn)
    if known is not None:
        return {"PipelineExecutionArn": known}
    record = _new_record(request, source, arn) | {"Parameters": values, "CreationTime": now, "LastModifiedTime": now}
    execution = Execution(context, definition, record)
    try:
        select(context, execution, definition, record)
    except ApiError:
        context.store.delete(_TOKEN, _token_name(request, source["PipelineArn"]))
        raise
    context.store.put(EXECUTION, arn, record, parent=source["PipelineArn"])
    context.store.update(PIPELINE, source["PipelineName"], {"LastRunTime": now})
    context.part(Executions).start(execution)
    return {"PipelineExecutionArn": arn}


def _new_record(request: dict[str, Any], source: dict[str, Any], arn: str) -> dict[str, Any]:
    """What the request and the pipeline say of an execution that begins."""
    return {
        "PipelineArn": source["PipelineArn"],
        "PipelineName": source["PipelineName"],
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": request.get("PipelineExecutionDisplayName", f"execution-{time.time_ns() // 1_000_000}"),
        "PipelineExecutionDescription": request.get("PipelineExecutionDescription"),
        "PipelineExecutionStatus": "Executing",
        "ParallelismConfiguration": request.get("ParallelismConfiguration") or source.get("ParallelismConfiguration") or _LIMIT,
        "SelectiveExecutionConfig": request.get("SelectiveExecutionConfig"),
        "PipelineVersionId": source["PipelineVersionId"],
        "RoleArn": request.get("RoleArn", source["RoleArn"]),
        "PipelineDefinition": source["PipelineDefinition"],
    }


def _execution_id() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def _claim(context: Context, parent: str, request: dict[str, Any], arn: str) -> str | None:
    """Tie the request's token to `arn`; the earlier ARN when the token was used before.

    Raises
    ------
    ApiError
        When it was used for a different request.
    """
    asked = {key: value for key, value in request.items() if key != "ClientRequestToken"}
    digest = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()
    name = _token_name(request, parent)
    try:
        context.store.add(_TOKEN, name, {"Arn": arn, "Request": digest})
    except RecordExistsError:
        known = context.store.get(_TOKEN, name) or {}
        if known.get("Request") != digest:
            raise ApiError("ConflictException", "ClientRequestToken was used before with other parameters", 400) from None
        return str(known["Arn"])
    return None


def _token_name(request: dict[str, Any], parent: str) -> str:
    return f"{parent}:{request['ClientRequestToken']}"


def execution_record(context: Context, arn: str) -> dict[str, Any]:
    """The record of an execution.

    Raises
    ------
    ApiError
        `ResourceNotFound` when there is none.
    """
    record = context.store.get(EXECUTION, arn)
    if record is None:
        raise not_found(f"Pipeline execution with ARN {arn} does not exist.")
    return record


@operation("sagemaker", "StopPipelineExecution")
def stop_pipeline_execution(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Stop the running steps' jobs; no process of theirs is left."""
    record = execution_record(context, request["PipelineExecutionArn"])
    arn, status = record["PipelineExecutionArn"], record["PipelineExecutionStatus"]
    if status not in RUNNING:
        raise invalid(f"Only pipelines with 'Executing' status can be stopped. Pipeline execution status is: {status}")
    context.store.update(
        EXECUTION, arn, {"PipelineExecutionStatus": "Stopping", "LastModifiedTime": time.time()}, {"PipelineExecutionStatus": "Executing"}
    )
    context.part(Executions).stop(arn)
    return {"PipelineExecutionArn": arn}


@operation("sagemaker", "RetryPipelineExecution")
def retry_pipeline_execution(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run a failed or stopped execution on from where it ended: what has succeeded is kept."""
    record = execution_record(context, request["PipelineExecutionArn"])
    arn, status = record["PipelineExecutionArn"], record["PipelineExecutionStatus"]
    again = {"PipelineExecutionStatus": "Executing", "FailureReason": None, "LastModifiedTime": time.time()}
    again |= {"ParallelismConfiguration": request.get("ParallelismConfiguration", record["ParallelismConfiguration"])}
    claimed = context.store.update(EXECUTION, arn, again, {"PipelineExecutionStatus": status}) if status in ("Failed", "Stopped") else None
    if claimed is None:
        raise invalid(f"Only pipeline executions with 'Failed' or 'Stopped' status can be retried. Pipeline execution status is: {status}")
    definition = read_definition(record["PipelineDefinition"])
    execution = Execution(context, definition, claimed)
    select(context, execution, definition, claimed)
    for step in steps_of(context, arn):
        if step["StepStatus"] == "Succeeded":
            execution.preset(step["StepName"], step["Properties"])
    context.part(Executions).start(execution)
    return {"PipelineExecutionArn": arn}


@at_start
def fail_interrupted(context: Context) -> None:
    """Executions that ran when the emulator ended have failed, with the steps that ran."""
    for record in context.store.list(EXECUTION, where=lambda record: record["PipelineExecutionStatus"] in RUNNING):
        arn = record["PipelineExecutionArn"]
        for step in steps_of(context, arn):
            if step["StepStatus"] == "Executing":
                end_step(context, arn, step["StepName"], "Failed", {"FailureReason": _RESTARTED})
        end_execution(context, arn, "Failed", {"FailureReason": _RESTARTED})
