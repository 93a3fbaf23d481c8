"""The few words of ASGI that the front door speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]


class ClientGoneError(Exception):
    """The caller closed the connection before its request was read."""


async def read_body(receive: Receive, limit_bytes: int | None = None) -> bytes | None:
    """The whole body, or None when it is longer than the limit: then it is read to its end all the same, so that the caller gets an answer.

    Raises
    ------
    ClientGoneError
        When the caller leaves meanwhile.
    """
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        return body if limit_bytes is None or len(body) <= limit_bytes else None
    chunks, size = [], 0
    while True:
        if message["type"] != "http.request":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if limit_bytes is None or size <= limit_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message.get("more_body"):
            return b"".join(chunks) if limit_bytes is None or size <= limit_bytes else None
        message = await receive()


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send one whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def encoded(headers: Mapping[str, str]) -> Headers:
    """Header names and values as ASGI wants them."""
    return [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers.items()]
