"""Selective execution: some steps run, what they need of the others comes from an earlier execution."""

import time
from typing import Any

from emulator.context import Context
from emulator.definition.document import Definition
from emulator.definition.executor import Execution
from emulator.definition.functions import gets, split_step
from emulator.definition.graph import dependencies
from emulator.definition.records import EXECUTION, begin_step, end_step, steps_of
from emulator.errors import invalid


def select(context: Context, execution: Execution, definition: Definition, record: dict[str, Any]) -> None:
    """Confine an execution that has not begun to the steps that its record selects, if it does.

    Raises
    ------
    ApiError
        When a selected step doesn't exist, or the earlier execution has no result that one needs.
    """
    config = record.get("SelectiveExecutionConfig")
    if not config:
        return
    selected = {item["StepName"] for item in config["SelectedSteps"]}
    for name in sorted(selected - set(definition.steps)):
        raise invalid(f"SelectiveExecutionConfig: the pipeline definition has no step {name!r}")
    source = config.get("SourcePipelineExecutionArn") or _latest(context, record)
    results = {step["StepName"]: step["Properties"] for step in steps_of(context, source) if step["StepStatus"] == "Succeeded"}
    for name in set(definition.steps) - selected:
        execution.leave_out(name)
    for name in selected:
        needed = {split_step(item.removeprefix("Steps."))[0] for item in gets(definition.steps[name].raw) if item.startswith("Steps.")}
        for other in dependencies(definition)[name] - selected:
            execution.free(name, other)
        for other in sorted(needed - selected):
            if other not in results:
                raise invalid(f"SelectiveExecutionConfig: step {other!r}, which {name!r} needs, did not succeed in {source}")
            _reuse(context, execution, definition, other, (source, results[other]))


def _reuse(context: Context, execution: Execution, definition: Definition, name: str, result: tuple[str, dict[str, Any]]) -> None:
    source, properties = result
    execution.preset(name, properties)
    origin = {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": source}}
    begin_step(context, execution.arn, definition.steps[name].raw, origin)
    end_step(context, execution.arn, name, "Succeeded", {"Properties": properties, "EndTime": time.time()})


def _latest(context: Context, record: dict[str, Any]) -> str:
    """The latest earlier execution of the same pipeline."""
    earlier = [
        item for item in context.store.list(EXECUTION, parent=record["PipelineArn"]) if item["CreationTime"] < record["CreationTime"]
    ]
    if not earlier:
        raise invalid("SelectiveExecutionConfig: the pipeline has no earlier execution to take results from")
    return str(earlier[-1]["PipelineExecutionArn"])
