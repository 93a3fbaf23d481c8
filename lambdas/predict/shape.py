"""What the routing table needs to know of a request; only a small JSON body is read for it, of others the outside."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from lambdas.shared.errors import ApiError
from lambdas.shared.http import JSON, Call

READ_BYTES = 65_536
"""JSON bodies up to this size are read; larger ones are of no concern to the rows that look inside."""

FOUNDATION = ("chronos", "timesfm")
"""How the names of foundation members begin: they answer in seconds on a CPU, in milliseconds on a GPU."""

DEFAULT_LEVELS = (0.1, 0.5, 0.9)
_MAX_NAME_CHARACTERS = 256
_NPY_ROWS = re.compile(rb"'shape': \((\d{1,9}),")
_LINES = ("application/jsonlines", "application/x-ndjson", "application/jsonl", "application/x-jsonlines", "text/csv")


@dataclass(frozen=True)
class Stored:
    """A request that the table of forecasts may answer: regions by name, at `levels` (ascending), `length` periods (None: the usual)."""

    regions: tuple[str, ...]
    levels: tuple[float, ...]
    length: int | None
    id: str | int | None


@dataclass(frozen=True)
class Shape:
    """A request from outside: `size` in bytes, `series` at most (an upper bound where the body was not read), and what it asks for."""

    size: int
    series: int
    foundation: bool = False
    explain: bool = False
    stored: Stored | None = None


def shape_of(call: Call) -> Shape:
    """The shape of a request; ApiError 400 for a body that is no JSON where it says so."""
    body = call.body
    kind = call.headers.get("content-type", JSON).partition(";")[0].strip().lower() or JSON
    if kind != JSON:
        attributes = call.headers.get("x-amzn-sagemaker-custom-attributes", "")
        return _outside(body, _records(body, kind), attributes.encode("utf-8", "replace"))
    if len(body) > READ_BYTES:
        return _outside(body, body.count(b'"target"'), b"")
    content = _read(body)
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), list):
        return Shape(len(body), 1)  # the model's own refusal says what is wrong
    raw = content.get("parameters")
    parameters: dict[str, Any] = raw if isinstance(raw, dict) else {}
    return Shape(
        size=len(body),
        series=len(content["inputs"]),
        foundation=any(str(name).startswith(FOUNDATION) for name in _list(parameters.get("members"))),
        explain=parameters.get("explain") is True,
        stored=_stored(content, call.headers.get("accept", "")),
    )


def _outside(body: bytes, series: int, attributes: bytes) -> Shape:
    """Of a body that is not read: whether the words are in it at all."""
    foundation = any(name.encode() in body or name.encode() in attributes for name in FOUNDATION)
    return Shape(len(body), series, foundation, b'"explain"' in body or b'"explain"' in attributes)


def _records(body: bytes, kind: str) -> int:
    if kind in _LINES:
        return body.count(b"\n") + 1
    found = _NPY_ROWS.search(body, 0, 1000)
    return int(found[1]) if found else 1


def _read(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ApiError(400, "malformed_json", "nested too deeply; send the documented fields only") from error
    except ValueError as error:
        raise ApiError(400, "malformed_json", f"not valid JSON: {error}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON; a gap is null")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _stored(content: dict[str, Any], accept: str) -> Stored | None:
    """What the table of forecasts is asked for; None for anything that is not exactly this, so that the model decides about it."""
    if set(content) - {"inputs", "parameters", "id"} or accept.strip().lower() not in ("", "*/*", JSON):
        return None
    identity = content.get("id")
    if identity is not None and (not isinstance(identity, str | int) or isinstance(identity, bool)):
        return None
    regions = _regions(content["inputs"])
    asked = _asked(content.get("parameters", {}))
    if not regions or asked is None:
        return None
    return Stored(regions, *asked, identity)


def _regions(inputs: list[Any]) -> tuple[str, ...]:
    """The names, when each input is the name of a region and nothing else; else none."""
    names: list[str] = []
    for item in inputs:
        name = item.get("item_id") if isinstance(item, dict) and len(item) == 1 else None
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARACTERS or not _is_unicode(name):
            return ()
        names.append(name)
    return tuple(names) if len(set(names)) == len(names) else ()


def _asked(parameters: Any) -> tuple[tuple[float, ...], int | None] | None:
    """Levels and length of parameters that ask for nothing else."""
    if not isinstance(parameters, dict) or set(parameters) - {"prediction_length", "quantile_levels", "explain"}:
        return None
    length, levels = parameters.get("prediction_length"), parameters.get("quantile_levels")
    if parameters.get("explain", False) is not False or (length is not None and type(length) is not int):
        return None
    if levels is None:
        return DEFAULT_LEVELS, length
    if not isinstance(levels, list) or not levels or any(type(level) not in (int, float) for level in levels):
        return None
    return tuple(sorted(map(float, levels))), length


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
