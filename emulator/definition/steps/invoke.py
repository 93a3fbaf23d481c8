"""Calls to operations, whose errors become the step's failure in the service's words."""

from typing import Any

from emulator.definition.retry import type_of_error
from emulator.definition.step_run import StepFailedError, StepRun
from emulator.errors import ApiError
from emulator.protocol import call


def invoke(run: StepRun, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of an operation of `sagemaker`.

    Raises
    ------
    StepFailedError
        When it answers an error.
    """
    try:
        return call("sagemaker", operation, request, run.context)
    except ApiError as error:
        reason = f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {error.message}"
        raise StepFailedError(reason, type_of_error(error.code, error.status)) from None
