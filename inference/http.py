"""What the routes know of HTTP: a whole request, an answer, and the peer that it is written to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from inference.errors import RequestError

Headers = Mapping[bytes, bytes]


@dataclass(slots=True)
class Request:
    """A request whose body has arrived; header names in lower case, the last of a repeated one wins."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """A whole response, or one whose body comes in pieces from `stream`."""

    body: bytes = b""
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


class Peer(Protocol):
    """Where an answer goes."""

    def write(self, answer: Answer, request_id: str | None, close: bool) -> None:
        """Send a whole answer; `close` asks the client to open a new connection next time."""

    def stream(self, answer: Answer, request_id: str | None, close: bool) -> Awaitable[None]:
        """Send an answer piece by piece, no faster than the client reads."""


def head(answer: Answer, request_id: str | None, date: bytes) -> list[bytes]:
    """The lines of a response's head up to those that say how long the body is and whether the connection stays."""
    lines = [_status_and_type(answer.status, answer.content_type), date]
    lines += [f"{name}: {value}\r\n".encode("latin-1") for name, value in answer.headers.items()]
    if request_id is not None:
        lines.append(b"x-request-id: " + request_id.encode("ascii") + b"\r\n")
    return lines


def too_large(limit: int) -> RequestError:
    """413 with the limit in its words."""
    return RequestError("too_large", "", f"the body is larger than {limit} bytes; send fewer series at once, or use batch transform", 413)


@lru_cache(maxsize=256)
def _status_and_type(status: int, content_type: str) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {content_type}\r\n".encode("latin-1")
