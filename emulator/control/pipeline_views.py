"""What executions show: DescribePipelineExecution, the lists of executions, steps and parameters, and the definition that ran."""

from typing import Any

from emulator.context import Context
from emulator.control.pipeline_executions import execution_record
from emulator.control.pipelines import pipeline
from emulator.definition.functions import text_of
from emulator.definition.records import EXECUTION, steps_of
from emulator.listing import Listing
from emulator.operations import operation

_EXECUTIONS = Listing(
    "PipelineExecutionSummaries",
    {"Name": "PipelineExecutionArn", "CreationTime": "CreationTime", "Status": "PipelineExecutionStatus"},
    summary=lambda record: record | {"StartTime": record["CreationTime"], "PipelineExecutionFailureReason": record.get("FailureReason")},
    order="Descending",
)
_STEPS = Listing("PipelineExecutionSteps", {"Name": "StepName", "CreationTime": "StartTime"}, order="Descending", page=20)
_PARAMETERS = Listing("PipelineParameters", {"Name": "Name", "CreationTime": "Position"})


@operation("sagemaker", "DescribePipelineExecution")
def describe_pipeline_execution(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of an execution but its steps."""
    return execution_record(context, request["PipelineExecutionArn"])


@operation("sagemaker", "ListPipelineExecutions")
def list_pipeline_executions(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The executions of a pipeline."""
    parent = pipeline(context, request["PipelineName"])["PipelineArn"]
    return _EXECUTIONS.answer(context.store.list(EXECUTION, parent=parent), request)


@operation("sagemaker", "ListPipelineExecutionSteps")
def list_pipeline_execution_steps(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The steps of an execution that have begun, with their ends, attempts, cache hits and resources."""
    arn = execution_record(context, request["PipelineExecutionArn"])["PipelineExecutionArn"]
    return _STEPS.answer(steps_of(context, arn), request)


@operation("sagemaker", "ListPipelineParametersForExecution")
def list_pipeline_parameters_for_execution(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The value of every parameter of an execution, as text."""
    values = execution_record(context, request["PipelineExecutionArn"])["Parameters"]
    listed = [{"Name": name, "Value": text_of(value), "Position": position} for position, (name, value) in enumerate(values.items())]
    return _PARAMETERS.answer(listed, request)


@operation("sagemaker", "DescribePipelineDefinitionForExecution")
def describe_pipeline_definition_for_execution(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The definition that an execution runs, whatever the pipeline has become since."""
    return execution_record(context, request["PipelineExecutionArn"])
