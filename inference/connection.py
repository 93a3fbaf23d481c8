"""One HTTP/1.1 connection: httptools finds the requests in the bytes, the application answers them one after the other.

A web server of the shelf costs several times as much per request as all of this (`python -m benchmarks.http`). What it would bring is
here: keep-alive, pipelining, chunked bodies, `Expect: 100-continue`, limits on head and body, and no waiting for a client that is slow.
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import cast

import httptools

from inference.errors import RequestError
from inference.http import Answer, Peer, Request, head, too_large

Application = Callable[[Request, Peer], Coroutine[None, None, None]]

MAX_HEAD_BYTES = 64 * 1024
MAX_PIPELINED = 16
IDLE_SECONDS = 75.0
"""Longer than the idle time of the usual load balancers, so that they close first and never send into a closed connection."""

PATIENCE_SECONDS = 60.0
"""For a client that stops in the middle of a request, or does not read its answer. A long body gets a second per megabyte more."""

LINGER_SECONDS = 5.0
"""How long a refused client may still send what nobody reads: closing at once would reset the connection under the refusal."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Connections:
    """What the connections of one server share.

    Attributes
    ----------
    application : answers a request through its peer.
    max_body_bytes : larger bodies get 413 as soon as that is known.
    """

    application: Application
    max_body_bytes: int
    open: set[Connection] = field(default_factory=set)
    date: bytes = b""
    now: float = 0.0

    def sweep(self) -> None:
        """Note the time, and end the connections that have been silent or slow for too long. To be called every second or so."""
        self.now = asyncio.get_running_loop().time()
        self.date = f"date: {formatdate(usegmt=True)}\r\n".encode("ascii")
        for connection in list(self.open):
            connection.end_if_late(self.now)

    async def sweeping(self) -> None:
        """`sweep` for ever."""
        while True:
            self.sweep()
            await asyncio.sleep(1.0)

    async def drained(self) -> None:
        """Close the idle connections now and every other after its answer; returns when all are closed."""
        while self.open:
            for connection in list(self.open):
                connection.close_when_idle()
            await asyncio.sleep(0.01)


class Connection(asyncio.Protocol):
    """Reads requests, starts the application on each in turn, and is the peer that their answers are written to."""

    _transport: asyncio.Transport

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Event | None = None
        self._since = shared.now
        self._receiving = self._refused = self._last = self._closing = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._shared.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._shared.open.discard(self)
        self._closing = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._refused or self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._last = True  # no other protocol is spoken here: the answer comes in this one, then the end
        except httptools.HttpParserError as error:
            # An error of a callback arrives as the context of the parser's own.
            cause = error.__context__
            self._refuse(cause if isinstance(cause, RequestError) else RequestError("malformed_http", "", f"not HTTP/1.1: {error}"))

    def pause_writing(self) -> None:
        self._writable, self._since = asyncio.Event(), self._shared.now

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._body: bytes | io.BytesIO = b""
        self._size = 0
        self._receiving, self._since = True, self._shared.now

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        declared = self._headers.get(b"content-length")
        if declared is not None and int(declared) > self._shared.max_body_bytes:
            raise too_large(self._shared.max_body_bytes)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_body(self, chunk: bytes) -> None:
        if self._size + len(chunk) > self._shared.max_body_bytes:
            raise too_large(self._shared.max_body_bytes)
        if not self._size:
            self._body = chunk
        elif isinstance(self._body, bytes):
            self._body = io.BytesIO(self._body)
            self._body.seek(0, io.SEEK_END)
        if isinstance(self._body, io.BytesIO):
            self._body.write(chunk)
        self._size += len(chunk)

    def on_message_complete(self) -> None:
        self._receiving, self._since = False, self._shared.now
        # getvalue() gives the buffer itself, so that a long body is never in memory twice.
        body = self._body if isinstance(self._body, bytes) else self._body.getvalue()
        request = Request(self._parser.get_method().decode("ascii"), _path(self._url), self._headers, body)
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._start()
        elif len(self._waiting) >= MAX_PIPELINED:
            self._transport.pause_reading()

    # What the application calls, and the end.

    def write(self, answer: Answer, request_id: str | None, close: bool) -> None:
        if self._closing:
            return
        lines = head(answer, request_id, self._shared.date)
        lines.append(b"content-length: %d\r\n" % len(answer.body))
        lines.append(self._keep_or_close(close))
        if not self._headless:
            lines.append(answer.body)
        self._transport.write(b"".join(lines))

    async def stream(self, answer: Answer, request_id: str | None, close: bool) -> None:
        assert answer.stream is not None  # noqa: S101
        lines = head(answer, request_id, self._shared.date)
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(self._keep_or_close(close or not self._chunked))
        self._transport.write(b"".join(lines))
        try:
            async for piece in answer.stream:
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
                if self._writable is not None:
                    await self._writable.wait()
        except BaseException:
            self._close()  # in the middle of the body, so that the client can tell
            raise
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")

    def end_if_late(self, now: float) -> None:
        """End the connection when its client kept it waiting for too long; what is being answered has a deadline of its own."""
        waited = now - self._since
        if self._writable is not None or self._receiving:
            if waited > PATIENCE_SECONDS + self._size / 1e6:
                self._transport.abort()
        elif waited > (LINGER_SECONDS if self._refused else IDLE_SECONDS) and self._task is None:
            self._close()

    def close_when_idle(self) -> None:
        """Close now, or after the answer that is due."""
        self._last = True
        if self._task is None and not self._receiving:
            self._close()

    def _start(self) -> None:
        request, keep = self._waiting.popleft()
        self._last = self._last or not keep
        self._headless, self._chunked = request.method == "HEAD", self._parser.get_http_version() != "1.0"
        self._task = self._loop.create_task(self._shared.application(request, self))
        self._task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._task, self._since = None, self._shared.now
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler({"message": "a request was left without an answer", "exception": error, "task": task})
            self._close()
        elif self._waiting:
            self._transport.resume_reading()
            self._start()
        elif self._last and not self._refused:
            self._close()

    def _keep_or_close(self, close: bool) -> bytes:
        if close:
            self._last = True
            self._waiting.clear()
        return b"connection: close\r\n\r\n" if self._last and not self._waiting else b"\r\n"

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > MAX_HEAD_BYTES:
            raise RequestError("head_too_large", "", f"address and headers are larger than {MAX_HEAD_BYTES} bytes", 431)

    def _refuse(self, error: RequestError) -> None:
        """Answer a request that will not be read, and close; what the client still sends of it is thrown away."""
        self._refused, self._receiving, self._since = True, False, self._shared.now
        if self._task is None:
            self._headless = False
            self.write(Answer(error.body(), status=error.status), None, True)
            self._transport.write_eof()

    def _close(self) -> None:
        self._closing = True
        self._transport.close()


def _path(url: bytes) -> str:
    path = url.partition(b"?")[0] if url.startswith(b"/") else httptools.parse_url(url).path
    return (path or b"/").decode("latin-1")
