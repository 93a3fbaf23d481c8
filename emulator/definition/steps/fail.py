"""Fail steps: the execution ends with a message."""

from typing import Any, NoReturn

from emulator.definition.step_run import StepFailedError, StepRun


def run_fail(run: StepRun, arguments: dict[str, Any]) -> NoReturn:
    """Fail with the resolved message."""
    message = str(arguments.get("ErrorMessage", ""))
    run.show({"Fail": {"ErrorMessage": message}})
    raise StepFailedError(message)
