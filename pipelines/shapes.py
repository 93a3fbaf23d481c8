"""A value against a botocore shape, at any depth: unknown and missing members, types, sizes, patterns, enumerations.

botocore's own validator stops at types and required members; the service does not. A pipeline function (`Get`, `Std:Join`,
`Std:JsonGet`) stands for a value that is known only at run time and is checked by `pipelines.validate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

FUNCTIONS = frozenset({"Get", "Std:Join", "Std:JsonGet"})

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


def is_function(value: Any) -> bool:
    """Is `value` a pipeline function rather than a plain object?"""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in FUNCTIONS


def functions(value: Any, shape: Shape, path: str = "") -> Iterator[tuple[str, Mapping[str, Any], Shape]]:
    """Every pipeline function in `value` as (path, function, the shape that it must fit)."""
    if is_function(value):
        yield path, value, shape
    else:
        for key, item, member in _members(value, shape):
            yield from functions(item, member, path + key)


def problems(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Each fault as `PATH: what is wrong`, the path starting at `value` with a dot."""
    if is_function(value):
        return
    kinds = _PYTHON_TYPES.get(shape.type_name, (object,))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
        yield f"{path}: {value!r} is {type(value).__name__}, the API wants {shape.type_name}"
        return
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from _membership(value, shape, path)
    yield from _limits(value, shape, path)
    for key, item, member in _members(value, shape):
        yield from problems(item, member, path + key)


def _members(value: Any, shape: Shape) -> Iterator[tuple[str, Any, Shape]]:
    """The parts of a container as (path part, value, shape); unknown members are left out."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from ((f".{key}", item, shape.members[key]) for key, item in value.items() if key in shape.members)
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        yield from ((f".{key}", item, shape.value) for key, item in value.items())
    elif isinstance(shape, ListShape) and isinstance(value, list):
        yield from ((f"[{index}]", item, shape.member) for index, item in enumerate(value))


def _membership(value: dict[str, Any], shape: StructureShape, path: str) -> Iterator[str]:
    for name in value:
        if name not in shape.members:
            yield f"{path}.{name}: {shape.name} has no such member"
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name}: required by {shape.name} and absent"


def _limits(value: Any, shape: Shape, path: str) -> Iterator[str]:
    metadata = shape.metadata
    size = len(value) if isinstance(value, (str, list, dict)) else value
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        measure = "length" if isinstance(value, (str, list, dict)) else "value"
        if "min" in metadata and size < metadata["min"]:
            yield f"{path}: {measure} {size} is below the minimum of {metadata['min']}"
        if "max" in metadata and size > metadata["max"]:
            yield f"{path}: {measure} {size} is above the maximum of {metadata['max']}"
    if isinstance(value, str):
        if metadata.get("enum") and value not in metadata["enum"]:
            yield f"{path}: {value!r} is not a {shape.name}"
        pattern = _pattern(metadata.get("pattern", ""))
        if pattern and not pattern.fullmatch(value):
            yield f"{path}: {value!r} does not match {metadata['pattern']}"


@lru_cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error:  # a few of the service's patterns use classes that Python's re lacks
        return None
