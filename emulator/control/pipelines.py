"""CreatePipeline, UpdatePipeline, DescribePipeline, ListPipelines, DeletePipeline."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.tags import drop_tags, set_tags
from emulator.definition.document import read_definition
from emulator.definition.graph import dependencies
from emulator.definition.records import EXECUTION, RUNNING
from emulator.errors import ApiError, invalid, not_found
from emulator.listing import Listing
from emulator.operations import operation
from emulator.s3 import ObjectError, Objects
from emulator.store import RecordExistsError

KIND = "pipeline"
_LISTING = Listing(
    "PipelineSummaries",
    {"Name": "PipelineName", "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime", "Status": "PipelineStatus"},
    summary=lambda record: record | {"LastExecutionTime": record.get("LastRunTime")},
    order="Descending",
)


@operation("sagemaker", "CreatePipeline")
def create_pipeline(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Check and record a definition."""
    name, now = request["PipelineName"], time.time()
    arn = context.arn(f"pipeline/{name}")
    record = {
        "PipelineName": name,
        "PipelineArn": arn,
        "PipelineDisplayName": request.get("PipelineDisplayName", name),
        "PipelineDescription": request.get("PipelineDescription"),
        "PipelineDefinition": _definition(request, context),
        "RoleArn": request["RoleArn"],
        "ParallelismConfiguration": request.get("ParallelismConfiguration"),
        "PipelineStatus": "Active",
        "CreationTime": now,
        "LastModifiedTime": now,
        "PipelineVersionId": 1,
        "ClientRequestToken": request["ClientRequestToken"],
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        return _created_before(request, context, arn)
    set_tags(context, arn, request.get("Tags", []))
    return {"PipelineArn": arn}


def _created_before(request: dict[str, Any], context: Context, arn: str) -> dict[str, Any]:
    """The answer to a second CreatePipeline: the same when it is a repeat of the first."""
    if pipeline(context, request["PipelineName"]).get("ClientRequestToken") == request["ClientRequestToken"]:
        return {"PipelineArn": arn}
    raise invalid(
        f"Pipeline names must be unique within an AWS account and region. Pipeline with name ({request['PipelineName']}) already exists."
    )


def _definition(request: dict[str, Any], context: Context) -> str:
    """The definition's text, given or from S3, checked."""
    text = request.get("PipelineDefinition")
    location = request.get("PipelineDefinitionS3Location")
    if (text is None) == (location is None):
        raise invalid("Exactly one of PipelineDefinition and PipelineDefinitionS3Location must be given")
    if location is not None:
        try:
            text = context.part(Objects).get(f"s3://{location['Bucket']}/{location['ObjectKey']}").decode()
        except ObjectError as error:
            raise invalid(f"PipelineDefinitionS3Location: {error}") from None
    dependencies(read_definition(str(text)))
    return str(text)


def pipeline(context: Context, name: str) -> dict[str, Any]:
    """The record of a pipeline by its name or ARN.

    Raises
    ------
    ApiError
        `ResourceNotFound` when there is none.
    """
    record = context.store.get(KIND, name.rpartition("/")[2])
    if record is None:
        raise not_found(f"Pipeline '{name if name.startswith('arn:') else context.arn(f'pipeline/{name}')}' does not exist.")
    return record


def current_version(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The record of the pipeline that a request names, if it asks for no other version than the latest, the only one that is kept.

    Raises
    ------
    ApiError
        When there is no such pipeline, or it asks for another version.
    """
    record = pipeline(context, request["PipelineName"])
    version, latest = request.get("PipelineVersionId", record["PipelineVersionId"]), record["PipelineVersionId"]
    if version != latest or "PipelineVersionAlias" in request:
        raise not_found(f"This emulator keeps the latest version of a pipeline only: that of {record['PipelineName']} is {latest}")
    return record


@operation("sagemaker", "UpdatePipeline")
def update_pipeline(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Change what is given; running executions keep the definition that they began with."""
    record = pipeline(context, request["PipelineName"])
    given = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
    change = {key: request[key] for key in given if key in request} | {"LastModifiedTime": time.time()}
    if "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request:
        change |= {"PipelineDefinition": _definition(request, context), "PipelineVersionId": record["PipelineVersionId"] + 1}
    updated = context.store.update(KIND, record["PipelineName"], change) or record
    return {"PipelineArn": record["PipelineArn"], "PipelineVersionId": updated["PipelineVersionId"]}


@operation("sagemaker", "DescribePipeline")
def describe_pipeline(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a pipeline."""
    return current_version(request, context)


@operation("sagemaker", "ListPipelines")
def list_pipelines(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Pipelines by name and time."""
    prefix = request.get("PipelineNamePrefix", "")
    return _LISTING.answer(context.store.list(KIND, where=lambda record: record["PipelineName"].startswith(prefix)), request)


@operation("sagemaker", "DeletePipeline")
def delete_pipeline(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Forget a pipeline that has no running execution."""
    record = pipeline(context, request["PipelineName"])
    arn = record["PipelineArn"]
    if context.store.list(EXECUTION, parent=arn, where=lambda item: item["PipelineExecutionStatus"] in RUNNING):
        raise ApiError("ConflictException", f"Pipeline {arn} has a running execution: stop it first", 400)
    context.store.delete(KIND, record["PipelineName"])
    drop_tags(context, arn)
    return {"PipelineArn": arn}
