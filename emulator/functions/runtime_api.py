"""The Lambda Runtime API for one worker: the runtime client inside asks for the next event and posts what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import httptools

_PREFIX = "/2018-06-01/runtime/"
_POSTED = re.compile(r"invocation/([^/]+)/(response|error)")


@dataclass(frozen=True)
class Event:
    """One invocation on its way to the handler."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    client_context: str | None = None

    def headers(self, deadline_ms: int) -> dict[str, str]:
        """What the runtime client reads beside the payload."""
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
        }
        return headers if self.client_context is None else headers | {"Lambda-Runtime-Client-Context": self.client_context}


@dataclass(frozen=True)
class Posted:
    """What the runtime client said: of an invocation its `response` or `error`, or an `init` error (no request id)."""

    request_id: str | None
    kind: str
    body: bytes


class RuntimeApi:
    """A server on loopback for one worker.

    Parameters
    ----------
    on_next
        Called when the worker asks for an event: it is ready for one.
    on_posted
        Called with everything that the worker posts.
    """

    def __init__(self, on_next: Callable[[], None], on_posted: Callable[[Posted], None]) -> None:
        self._on_next, self._on_posted = on_next, on_posted
        self._server: asyncio.Server | None = None
        self._waiting: _Connection | None = None
        self._connections: set[_Connection] = set()

    async def start(self) -> int:
        """Listen. Returns the port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def deliver(self, event: Event, deadline_ms: int) -> None:
        """Answer the worker's pending request for an event, to be done by a time in ms since the epoch."""
        connection, self._waiting = self._waiting, None
        if connection is not None:
            connection.answer(200, event.headers(deadline_ms), event.payload)

    def close(self) -> None:
        """Stop listening and drop the worker's connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()

    def opened(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def closed(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None

    def received(self, connection: _Connection, method: str, path: str, body: bytes) -> None:
        """Route one request of the worker."""
        resource = path.removeprefix(_PREFIX)
        if method == "GET" and resource == "invocation/next":
            self._waiting = connection
            self._on_next()
            return
        found = _POSTED.fullmatch(resource)
        if method == "POST" and resource == "init/error":
            posted = Posted(None, "init", body)
        elif method == "POST" and found is not None:
            posted = Posted(found[1], found[2], body)
        else:
            connection.answer(404, {"Content-Type": "application/json"}, b'{"errorMessage":"not found","errorType":"NotFound"}')
            return
        connection.answer(202, {"Content-Type": "application/json"}, b'{"status":"OK"}')
        self._on_posted(posted)


class _Connection(asyncio.Protocol):
    """One connection of the runtime client."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._chunks: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._api.opened(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._api.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"expect" and value == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        path, body = self._path.decode("latin1"), b"".join(self._chunks)
        self._path, self._chunks = b"", []
        self._api.received(self, self._parser.get_method().decode(), path, body)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status} OK", *(f"{name}: {value}" for name, value in headers.items()), f"Content-Length: {len(body)}", "", ""]
        self._transport.writelines(("\r\n".join(lines).encode("latin1"), body))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
