"""The values of a template's parameters: given, kept from before, or by default; each checked as its declaration asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emulator.cloudformation.template import Document, invalid

_TYPES = ("String", "Number", "CommaDelimitedList", "List<Number>", "List<String>")
HIDDEN = "****"


def values_of(document: Document, given: Sequence[Mapping[str, Any]], before: Mapping[str, str]) -> dict[str, str]:
    """The text of every parameter, by name.

    Parameters
    ----------
    document
        The template.
    given
        A request's Parameters: ParameterKey with ParameterValue or UsePreviousValue.
    before
        The values that the stack has now.

    Raises
    ------
    ApiError
        ValidationError that names the parameter.
    """
    declared = document.get("Parameters", {})
    chosen = {item["ParameterKey"]: _chosen(item, before) for item in given}
    unknown = sorted(set(chosen) - set(declared))
    if unknown:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, declaration in declared.items() if name not in chosen and "Default" not in declaration]
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    values = {name: chosen.get(name, _text(declaration.get("Default"))) for name, declaration in declared.items()}
    for name, declaration in declared.items():
        _check(name, declaration, values[name])
    return values


def typed(document: Document, values: Mapping[str, str]) -> dict[str, Any]:
    """The values as `Ref` gives them: a list for the list types, else text."""
    declared = document.get("Parameters", {})
    return {name: _split(text) if "List" in declared[name]["Type"] else text for name, text in values.items()}


def shown(document: Document, values: Mapping[str, str]) -> list[dict[str, str]]:
    """The values as descriptions show them: those of NoEcho hidden."""
    declared = document.get("Parameters", {})
    hidden = {name for name in values if str(declared.get(name, {}).get("NoEcho", False)).lower() == "true"}
    return [{"ParameterKey": name, "ParameterValue": HIDDEN if name in hidden else value} for name, value in values.items()]


def _chosen(item: Mapping[str, Any], before: Mapping[str, str]) -> str:
    name = item["ParameterKey"]
    if not item.get("UsePreviousValue"):
        return str(item.get("ParameterValue", ""))
    if name not in before:
        raise invalid(
            f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the stack"
        )
    return before[name]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _check(name: str, declaration: Mapping[str, Any], text: str) -> None:
    kind = declaration.get("Type", "")
    if kind not in _TYPES:
        raise invalid(f"Template format error: parameter {name} has type {kind}, which this emulator doesn't know: {', '.join(_TYPES)}")
    items = _split(text) if "List" in kind else [text]
    faults = (
        "AllowedValues" in declaration and not {*items} <= {_text(value) for value in declaration["AllowedValues"]},
        "AllowedPattern" in declaration and any(not re.fullmatch(declaration["AllowedPattern"], item) for item in items),
        len(text) < int(declaration.get("MinLength", 0)),
        len(text) > int(declaration.get("MaxLength", 4096)),
        "Number" in kind and not all(_in_bounds(item, declaration) for item in items),
    )
    if any(faults):
        raise invalid(f"Parameter '{name}' {_constraint(declaration, faults, text)}")


def _in_bounds(text: str, declaration: Mapping[str, Any]) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return float(declaration.get("MinValue", "-inf")) <= number <= float(declaration.get("MaxValue", "inf"))


def _constraint(declaration: Mapping[str, Any], faults: Sequence[bool], text: str) -> str:
    if "ConstraintDescription" in declaration:
        return f"failed to satisfy constraint: {declaration['ConstraintDescription']}"
    if faults[0]:
        return f"must be one of {', '.join(_text(value) for value in declaration['AllowedValues'])}"
    if faults[1]:
        return f"must match pattern {declaration['AllowedPattern']}"
    if faults[2] or faults[3]:
        return f"must have {declaration.get('MinLength', 0)} to {declaration.get('MaxLength', 4096)} characters; it has {len(text)}"
    low, high = declaration.get("MinValue", "any"), declaration.get("MaxValue", "any")
    return f"must be a number from {low} to {high}; it is {text!r}"
