"""A definition as written: parameters and steps, checked before anything runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.errors import invalid

VERSION = "2020-12-01"
_JOBS = ("Processing", "Training", "Transform", "Tuning")
STEP_TYPES = frozenset({*_JOBS, "Model", "RegisterModel", "Condition", "Fail", "Lambda", "Callback"})
_TYPES: dict[str, Any] = {"String": str, "Integer": int, "Float": float, "Boolean": bool}


@dataclass(frozen=True)
class Step:
    """One step; a step inside a Condition has its `parent` and the `branch` (outcome) under which it runs."""

    name: str
    kind: str
    arguments: dict[str, Any]
    raw: dict[str, Any]
    parent: str | None = None
    branch: bool | None = None


@dataclass(frozen=True)
class Definition:
    """Parameters by name, and all steps by name, those of Conditions included, in the order written."""

    parameters: dict[str, dict[str, Any]]
    steps: dict[str, Step] = field(default_factory=dict)


def read_definition(text: str) -> Definition:
    """Parse a definition.

    Raises
    ------
    ApiError
        `ValidationException` naming the fault: not JSON, another version, a step without a name, two of one name, or a step type
        that this emulator does not run.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise invalid(f"Unable to parse pipeline definition. It is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("Version") != VERSION or not isinstance(content.get("Steps"), list):
        raise invalid(f"Unable to parse pipeline definition. It needs Version {VERSION!r} and a list of Steps")
    parameters = {parameter["Name"]: parameter for parameter in content.get("Parameters") or []}
    definition = Definition(parameters)
    for step in _walk(content["Steps"], None, None):
        if step.name in definition.steps:
            raise invalid(f"Pipeline definition has two steps named {step.name!r}")
        definition.steps[step.name] = step
    return definition


def _walk(steps: list[dict[str, Any]], parent: str | None, branch: bool | None) -> Iterator[Step]:
    for raw in steps:
        name, kind = raw.get("Name"), raw.get("Type")
        if not isinstance(name, str) or not name:
            raise invalid("Pipeline definition has a step without a Name")
        if kind not in STEP_TYPES:
            raise invalid(f"Step {name!r} has type {kind!r}, which this emulator does not run: it runs {', '.join(sorted(STEP_TYPES))}")
        arguments = raw.get("Arguments") or {}
        yield Step(name, kind, arguments, raw, parent, branch)
        if kind == "Condition":
            yield from _walk(arguments.get("IfSteps") or [], name, True)
            yield from _walk(arguments.get("ElseSteps") or [], name, False)


def parameter_values(definition: Definition, given: Mapping[str, str]) -> dict[str, Any]:
    """The typed value of every parameter: as given to the start of an execution, else its default.

    Raises
    ------
    ApiError
        For a parameter that the definition doesn't have, that has neither value nor default, or whose value isn't of its type.
    """
    unknown = sorted(set(given) - set(definition.parameters))
    if unknown:
        raise invalid(f"Pipeline parameters {unknown} are not in the pipeline definition: it has {sorted(definition.parameters)}")
    missing = [name for name, item in definition.parameters.items() if name not in given and item.get("DefaultValue") is None]
    if missing:
        raise invalid(f"Cannot start the pipeline execution: parameters {missing} have no default value and none was given")
    return {name: _typed(item, given.get(name)) for name, item in definition.parameters.items()}


def _typed(parameter: dict[str, Any], text: str | None) -> Any:
    if text is None:
        return parameter["DefaultValue"]
    kind = _TYPES[parameter.get("Type", "String")]
    try:
        value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise invalid(f"Parameter {parameter['Name']!r} is of type {parameter['Type']}: {text!r} is not") from None
    if parameter.get("EnumValues") and value not in parameter["EnumValues"]:
        raise invalid(f"Parameter {parameter['Name']!r} must be one of {parameter['EnumValues']}, not {text!r}")
    return value
