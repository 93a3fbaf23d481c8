"""Paths into properties and JSON files: `ProcessingOutputConfig.Outputs['model'].S3Output.S3Uri`, `gate.bars[0].value`."""

import re
from collections.abc import Sequence
from typing import Any

_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|\"([^\"]*)\")\]")


class PathError(Exception):
    """A path leads nowhere; one line."""


def split_path(path: str) -> list[str | int]:
    """The keys and positions of a path.

    Raises
    ------
    PathError
        When it is malformed.
    """
    parts: list[str | int] = []
    position = 0
    while position < len(path):
        match = _PART.match(path, position)
        if match is None:
            raise PathError(f"{path!r} is not a path: keys are joined by dots, positions and quoted keys stand in brackets")
        word, index, single, double = match.groups()
        parts.append(int(index) if index is not None else next(text for text in (word, single, double) if text is not None))
        position = match.end()
    return parts[1:] if parts and parts[0] == "$" else parts


def follow(value: Any, path: str) -> Any:
    """What `path` leads to in `value`; a quoted key into a list finds the item of that name, as in `Outputs['model']`.

    Raises
    ------
    PathError
        When it leads nowhere.
    """
    parts = split_path(path)
    for number, part in enumerate(parts):
        try:
            value = _step(value, part)
        except (KeyError, IndexError, TypeError):
            raise PathError(f"{path!r}: there is no {_shown(parts[: number + 1])}") from None
    return value


def _step(value: Any, part: str | int) -> Any:
    if isinstance(value, list) and isinstance(part, str):
        for item in value:
            if any(key.endswith("Name") and name == part for key, name in item.items()):
                return item
        raise KeyError(part)
    return value[part]


def _shown(parts: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
