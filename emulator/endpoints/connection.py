"""Calls to a model server: HTTP/1.1 over pooled keep-alive connections, parsed by httptools, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import httptools

Header = tuple[bytes, bytes]


class ConnectionLostError(Exception):
    """The server closed the connection, or refused it, before a whole answer had come."""


class RefusedError(ConnectionLostError):
    """Nobody listens at the server's port: the request was not sent."""


@dataclass
class Reply:
    """What a model server answered; header names are lower case."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.used = False
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._reply = Reply()
        self._chunks: list[bytes] = []
        self._head = False
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._fail(f"connection closed: {error}" if error else "connection closed by the model server")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not an HTTP answer: {error}")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        reply, self._reply = self._reply, Reply()
        reply.status = self._parser.get_status_code()
        if reply.status == 100:  # an interim answer: the real one follows
            return
        reply.body, self._chunks = b"".join(self._chunks), []
        if not self._parser.should_keep_alive():
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(reply)

    def send(self, data: bytes, body: bytes) -> asyncio.Future[Reply]:
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport is None:
            self._fail("connection closed by the model server")
        else:
            self._transport.writelines((data, body))
        return self._waiting

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _fail(self, reason: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionLostError(reason))


class Pool:
    """Connections to one model server on loopback."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[_Connection] = []
        self._closed = False

    async def request(self, method: bytes, path: bytes, headers: Iterable[Header], body: bytes, timeout_seconds: float) -> Reply:
        """One request and its whole answer.

        A pooled connection that the server had closed meanwhile is replaced once: such a server never saw the request.

        Raises
        ------
        ConnectionLostError
            When the server refuses, or closes the connection before its answer.
        TimeoutError
            When the answer takes longer than `timeout_seconds`.
        """
        head = self._head(method, path, headers, len(body))
        async with asyncio.timeout(timeout_seconds):
            lost: ConnectionLostError | None = None
            while True:
                try:
                    connection = await self._connection()
                except ConnectionLostError as refused:
                    raise lost or refused from None
                reused, connection.used = connection.used, True
                try:
                    reply = await connection.send(head, body)
                except ConnectionLostError as error:
                    if not reused:
                        raise
                    lost = error
                    continue
                except BaseException:
                    connection.close()
                    raise
                self._keep(connection)
                return reply

    def _keep(self, connection: _Connection) -> None:
        if connection.open and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the idle connections; busy ones close when their answer has come."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _head(self, method: bytes, path: bytes, headers: Iterable[Header], length: int) -> bytes:
        lines = [b"%b %b HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-length: %d\r\n" % (method, path, self.port, length)]
        lines.extend(b"%b: %b\r\n" % header for header in headers)
        lines.append(b"\r\n")
        return b"".join(lines)

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        try:
            _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self.port)
        except OSError as error:
            raise RefusedError(f"cannot connect to the model server: {error}") from error
        return connection
