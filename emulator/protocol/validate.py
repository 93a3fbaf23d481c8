"""A request against the constraints of its shape, refused in the service's own words."""

import functools
import re
from collections.abc import Iterator
from typing import Any

from emulator.errors import invalid
from emulator.protocol.models import Shape

# what Java's patterns have and Python's `re` lacks; Unicode classes become the nearest wider class of characters
_JAVA_WORDS = {
    r"\p{L}": r"\w",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{Z}": r"\s",
    r"\p{N}": r"\d",
    r"\p{S}": r"$+<=>^`|~\u00a2-\uffff",
    r"\p{P}": r"!-/:-@\[-`{-~\u2010-\u2027",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"[\p{Print}]": "[ -~]",
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\z": r"\Z",
}


def check(request: dict[str, Any], shape: Shape) -> None:
    """Refuse a request that breaks a constraint of its shape.

    Raises
    ------
    ApiError
        `ValidationException` that lists every broken constraint as the service does.
    """
    faults = list(_faults(request, shape, ""))
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
        raise invalid(f"{count}: {'; '.join(faults)}")


def _faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_faults(value, shape, path)
    elif kind == "list":
        yield from _size_faults(value, len(value), shape, path, "length")
        for number, item in enumerate(value):
            yield from _faults(item, shape.member, f"{path}.{number + 1}.member")
    elif kind == "map":
        yield from _size_faults(value, len(value), shape, path, "length")
        for key, item in value.items():
            yield from _faults(key, shape.key, f"{path}.{key}.key")
            yield from _faults(item, shape.value, f"{path}.{key}.member")
    elif kind == "string" and isinstance(value, str):
        yield from _string_faults(value, shape, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _size_faults(value, value, shape, path, "value")
    elif kind == "blob":
        yield from _size_faults("(bytes)", len(value), shape, path, "length")


def _structure_faults(value: dict[str, Any], shape: Shape, path: str) -> Iterator[str]:
    for key in shape.required_members:
        if key not in value:
            yield _fault("null", _inner(path, key), "Member must not be null")
    for key, item in value.items():
        if key in shape.members:
            yield from _faults(item, shape.members[key], _inner(path, key))


def _string_faults(value: str, shape: Shape, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _fault(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    yield from _size_faults(value, len(value), shape, path, "length")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield _fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size_faults(value: Any, size: float, shape: Shape, path: str, word: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _fault(value, path, f"Member must have {word} greater than or equal to {low}")
    if high is not None and size > high:
        yield _fault(value, path, f"Member must have {word} less than or equal to {high}")


def _fault(value: Any, path: str, constraint: str) -> str:
    shown = value if value == "null" else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _inner(path: str, key: str) -> str:
    name = key[:1].lower() + key[1:]
    return f"{path}.{name}" if path else name


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A model's Java pattern, for Python."""
    for java, python in _JAVA_WORDS.items():
        pattern = pattern.replace(java, python)
    # the model's tag patterns carry a stray quantifier after `$`; surrogate ranges mean nothing to Python
    pattern = re.sub(r"\$\{\d+,\d+\}", "", pattern).replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff")
    return re.compile(pattern, re.DOTALL)
