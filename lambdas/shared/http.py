"""API Gateway HTTP API events (payload format 2.0), and direct invocations, as one request; and the answer back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdas.shared.errors import ApiError

JSON = "application/json"
MAX_RESULT_BYTES = 6 * 1024 * 1024 + 100
"""What Lambda takes back of a function, as it is written: JSON, with a body in it that is quoted or in base64."""

_ROOM_BYTES = 4096
_SURELY_FITS = (MAX_RESULT_BYTES - _ROOM_BYTES) // 6


@dataclass(frozen=True)
class Call:
    """One request: the body, its headers in lower case, the id to log it under, whether API Gateway brought it, and the stage that its
    addresses begin with (empty, or `/STAGE`)."""

    body: bytes
    headers: Mapping[str, str]
    request_id: str
    from_gateway: bool
    stage: str = ""


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def read_call(event: Any, request_id: str) -> Call:
    """The request in `event`: an HTTP API event, or else the contract's own JSON object. ApiError 400 when it is neither."""
    if not isinstance(event, dict):
        raise ApiError(400, "malformed_event", "the event is not a JSON object; send the forecast request itself")
    gateway = event.get("requestContext")
    if not isinstance(gateway, dict):
        return Call(json.dumps(event).encode(), {"content-type": JSON}, request_id, from_gateway=False)
    raw = event.get("headers")
    headers = {str(name).lower(): str(value) for name, value in raw.items()} if isinstance(raw, dict) else {}
    stage = str(gateway.get("stage") or "$default")
    return Call(_body(event), headers, _request_id(gateway, request_id), True, "" if stage == "$default" else f"/{stage}")


def write_answer(call: Call | None, answer: Answer) -> dict[str, Any]:
    """What the handler returns: an HTTP API response, or for a direct invocation the JSON object of the answer itself."""
    if call is not None and not call.from_gateway:
        content: dict[str, Any] = json.loads(answer.body)
        return content
    text, encoded = _text(answer.body)
    headers = {"content-type": JSON, **answer.headers}
    return {"statusCode": answer.status, "headers": headers, "body": text, "isBase64Encoded": encoded}


def excess(call: Call, answer: Answer) -> int:
    """Bytes by which the result would be larger than Lambda takes back, 0 when it is not; headers that are yet to come are allowed for.

    Quoting makes six bytes of one at most, so that only large answers are written to be measured.
    """
    if len(answer.body) <= _SURELY_FITS:
        return 0
    return max(0, len(json.dumps(write_answer(call, answer))) + _ROOM_BYTES - MAX_RESULT_BYTES)


def _request_id(gateway: Mapping[str, Any], otherwise: str) -> str:
    """API Gateway's id of the request; ours where it has none that a header can carry."""
    found = gateway.get("requestId")
    return found if isinstance(found, str) and 0 < len(found) <= 128 and found.isascii() and found.isprintable() else otherwise


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise ApiError(400, "malformed_event", "the body of the event is not text")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, "malformed_body", f"the body is not valid base64: {error}") from error


def _text(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode("utf-8"), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), True
