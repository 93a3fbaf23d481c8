"""What a target gets of an event: all of it, a part, a constant, or a template filled from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r'"?<([A-Za-z0-9._-]+)>"?')


def payload(event: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """What the target gets: the event, a part of it, a constant, or a template filled from it."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(at_path(event, target["InputPath"]))
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        values = {name: at_path(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
        values |= {"aws.events.event.json": event, "aws.events.event.ingestion-time": event.get("time")}
        return _PLACEHOLDER.sub(lambda found: _filled(found, values), transformer["InputTemplate"])
    return json.dumps(event)


def _filled(found: re.Match[str], values: Mapping[str, Any]) -> str:
    """A value in a template: inside of quotes as text, alone as JSON."""
    if found[1] not in values:
        return found[0]
    value, quoted = values[found[1]], found[0].startswith('"') and found[0].endswith('"')
    if quoted:
        return json.dumps(value) if isinstance(value, str) else json.dumps(json.dumps(value))
    if isinstance(value, str):
        text = value if found[0].startswith('"') or found[0].endswith('"') else json.dumps(value)
    else:
        text = json.dumps(value)
    return found[0].replace(f"<{found[1]}>", text)


def at_path(event: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `$.detail.name` or `$.detail.items[0]`; None when it isn't there."""
    value: Any = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
        else:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    return value
