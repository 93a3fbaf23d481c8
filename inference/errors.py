"""What a client may be told: a status, a code, the field and one sentence."""

from __future__ import annotations

import msgspec


class RequestError(Exception):
    """A request that is answered with an error body; never a traceback.

    Attributes
    ----------
    status : HTTP status.
    code : a stable name for programs, e.g. `unknown_region`.
    field : where in the request, e.g. `inputs[0].item_id`; empty when the whole request is meant.
    message : what is wrong and what to do, one line.
    retry_after_seconds : when trying again makes sense, or None.
    """

    def __init__(self, code: str, field: str, message: str, status: int = 400, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.message = message
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> bytes:
        """`{"error": {"code", "field", "message"}}`."""
        return msgspec.json.encode({"error": {"code": self.code, "field": self.field, "message": self.message}})


def invalid(field: str, message: str) -> RequestError:
    """The value of a field has no valid meaning."""
    return RequestError("invalid_value", field, message)


def overloaded(retry_after_seconds: int = 1) -> RequestError:
    """More work is waiting than the server promises to hold."""
    return RequestError("overloaded", "", "too many rows are waiting; try again shortly", 503, retry_after_seconds)


def deadline_exceeded(seconds: float) -> RequestError:
    """The answer would come after the caller's patience."""
    return RequestError("deadline_exceeded", "", f"no answer within {seconds:g} s; send fewer series at once", 503, 1)
