"""Whose request is it: the ids that a request carries, for the log and for the answer."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

REQUEST_ID = b"x-request-id"
_REQUEST_IDS = (REQUEST_ID, b"x-amzn-requestid", b"x-amzn-sagemaker-inference-id")
_PLAIN = re.compile(rb"[\x21-\x7e]{1,128}")
_W3C = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_XRAY = re.compile(rb"(?:.*;)?\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24}).*", re.IGNORECASE)


def request_id(headers: Mapping[bytes, bytes]) -> str | None:
    """The id that the caller gave, when it is one printable word."""
    for name in _REQUEST_IDS:
        value = headers.get(name)
        if value is not None and _PLAIN.fullmatch(value):
            return value.decode("ascii")
    return None


def new_request_id() -> str:
    """An id for a request that came without one."""
    return os.urandom(8).hex()


def trace_ids(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """`trace_id` of a W3C traceparent, `xray_trace_id` of an X-Amzn-Trace-Id; malformed ones are left out."""
    found = {}
    if match := _W3C.fullmatch(headers.get(b"traceparent", b"")):
        found["trace_id"] = match[1].decode("ascii")
    if match := _XRAY.fullmatch(headers.get(b"x-amzn-trace-id", b"")):
        found["xray_trace_id"] = match[1].decode("ascii")
    return found
