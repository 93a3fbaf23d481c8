"""`POST /v1/training` as a trigger.

`{"parameters": {"Horizon": 6}, "reason": "new data of March"}`, both optional. The header Idempotency-Key makes a repeated request the
same; without one every request is a new one, but for the gateway's own retries, which keep its request id. A direct invocation sends
the same object, with `idempotency_key` in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambdas.shared.http import Call
from lambdas.train.refusal import refused
from lambdas.train.trigger import Trigger

MAX_BODY_BYTES = 16 * 1024
MAX_REASON_CHARACTERS = 200
REMEMBERED_DAYS = 7
"""How long a key means the same execution."""

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_FIELDS = ("parameters", "reason", "idempotency_key")


def read(call: Call, event: Any, since: datetime) -> Trigger:
    """The trigger in a request. ApiError 400 or 413 names what is wrong with it."""
    content = _content(call)
    key = call.headers.get("idempotency-key") or content.get("idempotency_key") or call.request_id
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise refused("invalid_key", "idempotency-key", "is not 1 to 128 visible ASCII characters")
    reason = content.get("reason", "a request")
    if not isinstance(reason, str) or len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
        raise refused("invalid_reason", "reason", f"is not a line of at most {MAX_REASON_CHARACTERS} characters")
    return Trigger("api", f"{_caller(event)}\0{key}", reason or "a request", since, _parameters(content))


def _content(call: Call) -> Mapping[str, Any]:
    if len(call.body) > MAX_BODY_BYTES:
        raise refused("too_large", "", f"the body is larger than {MAX_BODY_BYTES} bytes", 413)
    try:
        content = json.loads(call.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise refused("malformed_json", "", "the body is not JSON") from error
    if not isinstance(content, dict):
        raise refused("malformed_json", "", "the body is not a JSON object")
    unknown = next((name for name in content if name not in _FIELDS), None)
    if unknown is not None:
        raise refused("unknown_field", unknown[:60], f"is not a field of the request; known: {', '.join(_FIELDS)}")
    return content


def _parameters(content: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise refused("invalid_parameter", "parameters", "is not an object")
    return parameters


def _caller(event: Any) -> str:
    """Who asks, so that two callers' keys are two keys: the caller's ARN (IAM) or subject (JWT), empty for a direct invocation."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    authorizer = context.get("authorizer") if isinstance(context, dict) else None
    if not isinstance(authorizer, dict):
        return ""
    iam, jwt = authorizer.get("iam"), authorizer.get("jwt")
    if isinstance(iam, dict):
        return str(iam.get("userArn", ""))
    claims = jwt.get("claims") if isinstance(jwt, dict) else None
    return str(claims.get("sub", "")) if isinstance(claims, dict) else ""
