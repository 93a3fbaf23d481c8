"""SendPipelineExecutionStepSuccess, SendPipelineExecutionStepFailure: the answers that Callback steps wait for."""

from typing import Any

from emulator.context import Context
from emulator.definition.callbacks import Callbacks
from emulator.errors import not_found
from emulator.operations import operation


@operation("sagemaker", "SendPipelineExecutionStepSuccess")
def send_pipeline_execution_step_success(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Let a Callback step succeed with its outputs."""
    outputs = {item["Name"]: item["Value"] for item in request.get("OutputParameters", [])}
    return _answer(context, request["CallbackToken"], outputs, None)


@operation("sagemaker", "SendPipelineExecutionStepFailure")
def send_pipeline_execution_step_failure(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Let a Callback step fail with a reason."""
    return _answer(context, request["CallbackToken"], {}, request.get("FailureReason", "The callback reported a failure"))


def _answer(context: Context, token: str, outputs: dict[str, Any], reason: str | None) -> dict[str, Any]:
    execution = context.part(Callbacks).answer(token, outputs, reason)
    if execution is None:
        raise not_found(f"No step waits for the callback token {token!r}")
    return {"PipelineExecutionArn": execution}
