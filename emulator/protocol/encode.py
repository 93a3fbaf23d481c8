"""Python values as responses by the shape of the output: only modelled members, null members left out."""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from typing import Any

from botocore.model import OperationModel

from emulator.errors import ApiError
from emulator.protocol.models import Shape


@dataclass
class Response:
    """One HTTP response."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def encode_json(operation: OperationModel, result: dict[str, Any]) -> Response:
    """A response of a JSON service."""
    content = {} if operation.output_shape is None else _value(result, operation.output_shape)
    return Response(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode())


def encode_rest(operation: OperationModel, result: dict[str, Any]) -> Response:
    """A response of a REST service: members in headers, in the status and in the body as the model says."""
    shape = operation.output_shape
    response = Response(operation.http.get("responseCode", 200))
    if shape is None:
        return response
    inline: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    for key, member in shape.members.items():
        value, location = result.get(key), member.serialization.get("location")
        if value is None:
            continue
        if location == "statusCode":
            response.status = int(value)
        elif location == "header":
            response.headers[member.serialization.get("name", key)] = _header(value, member)
        elif key != payload:
            inline[member.serialization.get("name", key)] = _value(value, member)
    _set_body(response, shape, payload, result, inline)
    return response


def _set_body(response: Response, shape: Shape, payload: str | None, result: dict[str, Any], inline: dict[str, Any]) -> None:
    if payload is None:
        response.headers.setdefault("Content-Type", "application/json")
        response.body = json.dumps(inline).encode() if response.status != 204 else b""
        return
    value = result.get(payload, b"")
    if isinstance(value, bytes | str):
        response.body = value.encode() if isinstance(value, str) else value
    else:
        response.headers.setdefault("Content-Type", "application/json")
        response.body = json.dumps(_value(value, shape.members[payload])).encode()


def encode_error(error: ApiError, protocol: str) -> Response:
    """An error in the form of its protocol, which boto3 raises as `ClientError` with the same code and message."""
    content = {"message": error.message, "Message": error.message} | error.fields
    if protocol == "json":
        body = json.dumps({"__type": error.code} | content)
        return Response(error.status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return Response(error.status, headers, json.dumps(content).encode())


def _value(value: Any, shape: Shape) -> Any:
    match shape.type_name:
        case "structure":
            return value if getattr(shape, "is_document_type", False) else _structure(value, shape)
        case "list":
            return [_value(item, shape.member) for item in value]
        case "map":
            return {key: _value(item, shape.value) for key, item in value.items()}
        case "blob":
            return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
        case "timestamp":
            return _timestamp(value, shape.serialization.get("timestampFormat", "unixTimestamp"))
        case _:
            return value


def _structure(value: dict[str, Any], shape: Shape) -> dict[str, Any]:
    present = {key: member for key, member in shape.members.items() if value.get(key) is not None}
    return {member.serialization.get("name", key): _value(value[key], member) for key, member in present.items()}


def _timestamp(value: Any, style: str) -> float | str:
    seconds = value.timestamp() if isinstance(value, datetime) else float(value)
    if style == "iso8601":
        return datetime.fromtimestamp(seconds).astimezone().isoformat()
    return formatdate(seconds, usegmt=True) if style == "rfc822" else round(seconds, 3)


def _header(value: Any, shape: Shape) -> str:
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return str(_timestamp(value, "rfc822"))
    return str(value)
