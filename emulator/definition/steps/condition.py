"""Condition steps: the outcome decides which branch runs."""

from typing import Any

from emulator.definition.conditions import holds
from emulator.definition.functions import FunctionError
from emulator.definition.step_run import StepFailedError, StepRun


def run_condition(run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
    """Evaluate the conditions, all of which must hold; the property `Outcome` is `True` or `False`."""
    del arguments  # a condition resolves its own: the branches are not its arguments
    try:
        outcome = all(holds(condition, run.scope) for condition in run.step.arguments["Conditions"])
    except FunctionError as error:
        raise StepFailedError(f"ClientError: {error}") from None
    run.show({"Condition": {"Outcome": str(outcome)}})
    return {"Outcome": str(outcome)}
