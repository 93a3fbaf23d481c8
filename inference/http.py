"""The few pieces of ASGI that the routes need: headers, a bounded body, an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from inference.errors import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class DisconnectedError(Exception):
    """The client went away before its request was whole."""


@dataclass(frozen=True)
class Answer:
    """A whole HTTP response, or one whose body comes in pieces from `stream`."""

    body: bytes = b""
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Header names in lower case; the last of a repeated one wins."""
    return dict(scope["headers"])


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The request body; RequestError 413 as soon as it is known to be longer than `limit` bytes."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks) if len(chunks) > 1 else chunk


def too_large(limit: int) -> RequestError:
    """413 with the limit in its words."""
    return RequestError("too_large", "", f"the body is larger than {limit} bytes; send fewer series at once, or use batch transform", 413)


async def send_answer(send: Send, answer: Answer, *, request_id: str | None = None, close: bool = False) -> None:
    """Write a response; `close` asks the client to open a new connection next time."""
    headers = [(b"content-type", answer.content_type.encode())]
    if answer.stream is None:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if request_id is not None:
        headers.append((b"x-request-id", request_id.encode("ascii")))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is not None:
        async for piece in answer.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": answer.body})
