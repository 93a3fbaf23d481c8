"""Event patterns: which events a rule is for.

The grammar is that of EventBridge: a field's value must be one of a list of values or filters, nested objects descend, every field must
match, and a field of the event that is a list matches when any of its values does.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emulator.errors import ApiError

Pattern = Mapping[str, Any]
_MISSING = object()
_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FILTERS = frozenset({"prefix", "suffix", "anything-but", "numeric", "exists", "equals-ignore-case", "wildcard"})


def parse(text: str) -> dict[str, Any]:
    """A pattern from its JSON.

    Raises
    ------
    ApiError
        InvalidEventPatternException when it isn't one.
    """
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise _invalid(f"it is not JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise _invalid("it is not an object")
    _check(pattern, "")
    return pattern


def _check(pattern: Mapping[str, Any], path: str) -> None:
    for key, wanted in pattern.items():
        where = f"{path}.{key}".lstrip(".")
        if key == "$or":
            for one in wanted:
                _check(one, path)
        elif isinstance(wanted, dict):
            _check(wanted, where)
        elif isinstance(wanted, list) and wanted:
            for item in wanted:
                _check_item(item, where)
        else:
            raise _invalid(f'"{where}" must be an object or a list with something in it')


def _check_item(item: Any, where: str) -> None:
    if isinstance(item, dict) and (len(item) != 1 or not _FILTERS.issuperset(item)):
        raise _invalid(f'"{where}" has the unknown filter {json.dumps(item)}: known are {", ".join(sorted(_FILTERS))}')


def matches(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    """Whether an event is one that the pattern is for."""
    return all(_field(key, wanted, event) for key, wanted in pattern.items())


def _field(key: str, wanted: Any, event: Mapping[str, Any]) -> bool:
    if key == "$or":
        return any(matches(one, event) for one in wanted)
    value = event.get(key, _MISSING)
    if isinstance(wanted, Mapping):
        if isinstance(value, list):
            return any(isinstance(item, Mapping) and matches(wanted, item) for item in value)
        return matches(wanted, value if isinstance(value, Mapping) else {})
    values = value if isinstance(value, list) else [value]
    return any(_item(item, one) for item in wanted for one in values or [_MISSING])


def _item(item: Any, value: Any) -> bool:
    if not isinstance(item, Mapping):
        return value is not _MISSING and type(item) is type(value) and bool(item == value)
    name, wanted = next(iter(item.items()))
    if name == "exists":
        return (value is not _MISSING) is bool(wanted)
    return value is not _MISSING and _filter(name, wanted, value)


def _filter(name: str, wanted: Any, value: Any) -> bool:
    if name == "anything-but":
        unwanted = wanted if isinstance(wanted, list) else [wanted]
        return not any(_item(item, value) for item in unwanted)
    if name == "numeric":
        return isinstance(value, int | float) and not isinstance(value, bool) and _in_range(wanted, value)
    if not isinstance(value, str):
        return False
    if isinstance(wanted, Mapping):  # {"prefix": {"equals-ignore-case": "..."}}
        wanted, value = wanted["equals-ignore-case"].lower(), value.lower()
    if name == "wildcard":
        return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), value, re.DOTALL) is not None
    tests: dict[str, Callable[[], bool]] = {
        "prefix": lambda: value.startswith(wanted),
        "suffix": lambda: value.endswith(wanted),
        "equals-ignore-case": lambda: value.lower() == wanted.lower(),
    }
    return tests[name]()


def _in_range(conditions: Sequence[Any], value: float) -> bool:
    pairs = zip(conditions[::2], conditions[1::2], strict=True)
    return all(_NUMERIC[compare](value, bound) for compare, bound in pairs)


def _invalid(reason: str) -> ApiError:
    return ApiError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")
