"""Errors that become an answer of the contract: `{"error": {"code", "field", "message"}}`."""

from __future__ import annotations

import json


class ApiError(Exception):
    """An expected failure.

    Attributes
    ----------
    status : HTTP status of the answer.
    code : stable name for programs.
    message : one line for people.
    retry_after_seconds : when trying again makes sense, or None.
    body : the answer; the three above unless given.
    """

    def __init__(self, status: int, code: str, message: str, retry_after_seconds: int | None = None, body: bytes | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.body = body or json.dumps({"error": {"code": code, "field": "", "message": message}}).encode()

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After, where trying again makes sense."""
        return {} if self.retry_after_seconds is None else {"retry-after": str(self.retry_after_seconds)}
