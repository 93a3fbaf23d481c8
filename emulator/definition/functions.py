"""The functions of a definition: Get, Std:Join and Std:JsonGet, resolved against one execution."""

import json
from collections.abc import Iterator
from typing import Any, Protocol

from emulator.definition.paths import PathError, follow

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"


class FunctionError(Exception):
    """A function can't be resolved; one line."""


class Scope(Protocol):
    """What functions may refer to."""

    parameters: dict[str, Any]
    variables: dict[str, Any]

    def properties(self, step: str) -> dict[str, Any]:
        """What a finished step's Describe operation answers."""
        ...

    def property_file(self, step: str, name: str) -> bytes:
        """The content of a property file of a finished step."""
        ...

    def object(self, uri: str) -> bytes:
        """The content of an S3 object."""
        ...


def is_function(value: Any) -> bool:
    """Whether a value of a definition stands for another."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in (GET, JOIN, JSON_GET)


def resolve(value: Any, scope: Scope) -> Any:
    """`value` with every function in it, at any depth, replaced by its result.

    Raises
    ------
    FunctionError
        When one refers to what isn't there.
    """
    if is_function(value):
        name, argument = next(iter(value.items()))
        return _get(argument, scope) if name == GET else _join(argument, scope) if name == JOIN else _json_get(argument, scope)
    if isinstance(value, dict):
        return {key: resolve(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    return value


def gets(value: Any) -> Iterator[str]:
    """Every reference in `value`, such as `Steps.Prepare.ModelArtifacts`."""
    if isinstance(value, dict):
        if set(value) == {GET} and isinstance(value[GET], str):
            yield value[GET]
        else:
            for item in value.values():
                yield from gets(item)
    elif isinstance(value, list):
        for item in value:
            yield from gets(item)


def _get(reference: str, scope: Scope) -> Any:
    root, _, rest = reference.partition(".")
    try:
        if root == "Parameters":
            return scope.parameters[rest]
        if root == "Execution":
            return scope.variables[rest]
        if root == "Steps":
            step, path = split_step(rest)
            return follow(scope.properties(step), path)
    except KeyError:
        raise FunctionError(f"{reference!r} is not known in this execution") from None
    except PathError as error:
        raise FunctionError(f"{reference!r}: {error}") from None
    raise FunctionError(f"{reference!r} begins with none of Parameters, Execution and Steps")


def split_step(rest: str) -> tuple[str, str]:
    """`Name.path` or `Name['key']` as the step's name and the path."""
    end = min((rest.find(mark) for mark in ".[" if mark in rest), default=len(rest))
    return rest[:end], rest[end:].lstrip(".")


def _join(argument: dict[str, Any], scope: Scope) -> str:
    return str(argument.get("On", "")).join(text_of(item) for item in _flat(resolve(argument["Values"], scope)))


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def text_of(value: Any) -> str:
    """A resolved value as text: strings as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _json_get(argument: dict[str, Any], scope: Scope) -> Any:
    path = text_of(resolve(argument["Path"], scope))
    if "PropertyFile" in argument:
        step, rest = split_step(argument["PropertyFile"][GET].removeprefix("Steps."))
        source, content = f"property file {rest!r} of step {step!r}", scope.property_file(step, rest.removeprefix("PropertyFiles."))
    else:
        source = str(resolve(argument["S3Uri"], scope))
        content = scope.object(source)
    try:
        return follow(json.loads(content), path)
    except ValueError:
        raise FunctionError(f"the {source} is not JSON") from None
    except PathError as error:
        raise FunctionError(f"the {source} has no value at the path {error}") from None
