"""A template's values as an API wants them: templates write numbers and booleans as text as often as not."""

from __future__ import annotations

from typing import Any

from emulator.protocol.models import Shape


def fitted(value: Any, shape: Shape) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """The value with the types of a botocore shape; what can't be converted stays, for the service to refuse."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {key: fitted(item, shape.members[key]) if key in shape.members else item for key, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [fitted(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {str(key): fitted(item, shape.value) for key, item in value.items()}
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind in ("integer", "long", "float", "double") and isinstance(value, str):
        try:
            return int(value) if kind in ("integer", "long") else float(value)
        except ValueError:
            return value
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if kind == "string" and isinstance(value, int | float) else value
