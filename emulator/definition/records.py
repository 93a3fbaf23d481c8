"""The records of executions and of their steps."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.context import Context

EXECUTION = "pipeline-execution"
STEP = "pipeline-execution-step"
RUNNING = ("Executing", "Stopping")


def begin_step(context: "Context", execution: str, step: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Record that a step has begun; an earlier record of it in this execution is replaced."""
    record = {"StepName": step["Name"], "StepStatus": "Executing", "StartTime": time.time(), "AttemptCount": 1} | dict(fields)
    shown = {"StepDisplayName": step.get("DisplayName"), "StepDescription": step.get("Description")}
    context.store.put(STEP, f"{execution}/{step['Name']}", record | shown, parent=execution)


def update_step(context: "Context", execution: str, name: str, fields: Mapping[str, Any]) -> None:
    """Merge fields into a step's record; not when the emulator ends: the next start says then what became of it."""
    if not context.closing.is_set():
        context.store.update(STEP, f"{execution}/{name}", fields)


def end_step(context: "Context", execution: str, name: str, status: str, fields: Mapping[str, Any]) -> None:
    """Record how a step has ended."""
    update_step(context, execution, name, {"StepStatus": status, "EndTime": time.time()} | dict(fields))


def steps_of(context: "Context", execution: str) -> list[dict[str, Any]]:
    """The records of an execution's steps, in the order they began."""
    return context.store.list(STEP, parent=execution)


def end_execution(context: "Context", execution: str, status: str, fields: Mapping[str, Any]) -> None:
    """Record how an execution has ended; not when the emulator ends, as with steps."""
    if not context.closing.is_set():
        context.store.update(EXECUTION, execution, {"PipelineExecutionStatus": status, "LastModifiedTime": time.time()} | dict(fields))
