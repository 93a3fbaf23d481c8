"""Errors that name the field at fault."""

from __future__ import annotations

import json

from lambdas.shared.errors import ApiError


def refused(code: str, field: str, message: str, status: int = 400) -> ApiError:
    """What asking again would not mend."""
    body = json.dumps({"error": {"code": code, "field": field, "message": message}}).encode()
    return ApiError(status, code, message, body=body)
