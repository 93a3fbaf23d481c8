"""Requests as Python values by the shape of the input: timestamps are seconds since the epoch, blobs are bytes, null members are absent."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.model import OperationModel

from emulator.errors import ApiError
from emulator.protocol.incoming import Incoming
from emulator.protocol.models import Shape

_JSON_NAMES = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}
_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


def decode_json(operation: OperationModel, body: bytes, strict: bool = False) -> dict[str, Any]:
    """The members of a JSON body; members that the model doesn't have are dropped, or refused when `strict`.

    Raises
    ------
    ApiError
        `SerializationException` for a value of the wrong JSON type.
    """
    content = _parse(body)
    return {} if operation.input_shape is None else dict(_value(content, operation.input_shape, "", strict))


def decode_rest(operation: OperationModel, labels: Mapping[str, str], incoming: Incoming) -> dict[str, Any]:
    """The members of a REST request, from path, query, headers and body.

    Raises
    ------
    ApiError
        `SerializationException` for a value of the wrong type.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    request: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    inline = {key: member for key, member in shape.members.items() if "location" not in member.serialization}
    if payload is None and inline and incoming.body:
        content = _parse(incoming.body)
        request = {key: value for key, value in _value(content, shape, "", False).items() if key in inline}
    elif payload is not None and incoming.body:
        member = shape.members[payload]
        request[payload] = (
            incoming.body if member.type_name in ("blob", "string") else _value(_parse(incoming.body), member, payload, False)
        )
    for key, member in shape.members.items():
        found = _located(member, key, labels, incoming)
        if found is not None:
            request[key] = found
    return request


def _located(member: Shape, key: str, labels: Mapping[str, str], incoming: Incoming) -> Any:
    name = member.serialization.get("name", key)
    match member.serialization.get("location"):
        case "uri":
            return _from_text(labels.get(name), member, key)
        case "querystring":
            values = incoming.query.get(name)
            if values is None:
                return None
            return (
                [_from_text(value, member.member, key) for value in values]
                if member.type_name == "list"
                else _from_text(values[0], member, key)
            )
        case "header":
            return _from_text(incoming.headers.get(name.lower()), member, key)
        case "headers":
            prefix = name.lower()
            return {header[len(prefix) :]: value for header, value in incoming.headers.items() if header.startswith(prefix)} or None
    return None


def _from_text(text: str | None, shape: Shape, key: str) -> Any:
    if text is None or shape.type_name in ("string", "blob"):
        return text
    if shape.type_name == "boolean":
        return text == "true"
    try:
        return int(text) if shape.type_name in ("integer", "long") else float(text)
    except ValueError:
        if shape.type_name == "timestamp":
            return _timestamp(text, key)
        raise ApiError("SerializationException", f"{key}: {text!r} is not a {shape.type_name}") from None


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError("SerializationException", f"the body is not JSON: {error}") from None


def _value(value: Any, shape: Shape, path: str, strict: bool) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(_typed(value, (dict,), shape, path), shape, path, strict)
    if kind == "list":
        return [_value(item, shape.member, f"{path}[{number}]", strict) for number, item in enumerate(_typed(value, (list,), shape, path))]
    if kind == "map":
        items = _typed(value, (dict,), shape, path).items()
        return {key: _value(item, shape.value, f"{path}.{key}", strict) for key, item in items if item is not None}
    if kind == "timestamp":
        return _timestamp(value, path)
    if kind == "blob":
        return _blob(value, path)
    return _typed(value, _SCALARS[kind], shape, path)


def _structure(value: dict[str, Any], shape: Shape, path: str, strict: bool) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return value
    unknown = [key for key, item in value.items() if key not in shape.members and item is not None]
    if strict and unknown:
        where = f" of {path}" if path else ""
        raise ApiError("ValidationException", f"{unknown[0]!r}{where} is not a member of {shape.name}")
    return {
        key: _value(value[key], member, f"{path}.{key}" if path else key, strict)
        for key, member in shape.members.items()
        if value.get(key) is not None
    }


def _typed(value: Any, types: tuple[type, ...], shape: Shape, path: str) -> Any:
    if (isinstance(value, bool) and bool not in types) or not isinstance(value, types):
        got = _JSON_NAMES.get(type(value), "NULL_VALUE")
        raise ApiError("SerializationException", f"{got} can not be converted to {shape.type_name.capitalize()} at {path or 'the body'}")
    return value


def _timestamp(value: Any, path: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        raise ApiError("SerializationException", f"{value!r} can not be converted to Timestamp at {path}") from None


def _blob(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ApiError("SerializationException", f"the value at {path} is not base64") from None
