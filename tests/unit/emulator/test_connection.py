"""Calls to a model server over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from emulator.endpoints.connection import ConnectionLostError, Pool, Reply

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def against(serve: Serve, *calls: bytes, timeout_seconds: float = 5.0) -> list[Reply]:
    """The replies of a server to calls with these bodies, one after the other."""

    async def run() -> list[Reply]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        pool = Pool(server.sockets[0].getsockname()[1])
        try:
            return [await pool.request(b"POST", b"/x", [(b"content-type", b"text/plain")], body, timeout_seconds) for body in calls]
        finally:
            pool.close()
            server.close()

    return asyncio.run(run())


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(length)


def test_a_connection_is_used_again():
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while True:
            body = await _request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nX-Seen: yes\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    replies = against(serve, b"one", b"two")
    assert [(reply.status, reply.body, reply.headers[b"x-seen"]) for reply in replies] == [(200, b"one", b"yes"), (200, b"two", b"yes")]
    assert len(connections) == 1


def test_a_connection_that_the_server_closed_while_idle_is_replaced():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    assert [reply.status for reply in against(serve, b"one", b"two", b"three")] == [200, 200, 200]


def test_a_chunked_answer_comes_whole():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        for piece in (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc", b"\r\n2\r\nde\r\n", b"0\r\n\r\n"):
            writer.write(piece)
            await writer.drain()

    assert against(serve, b"")[0].body == b"abcde"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", b"not http at all\r\n\r\n"])
def test_an_answer_that_does_not_come_whole_is_a_lost_connection(answer):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(answer)
        writer.close()

    with pytest.raises(ConnectionLostError):
        against(serve, b"x")


def test_a_slow_answer_is_a_timeout():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    with pytest.raises(TimeoutError):
        against(serve, b"x", timeout_seconds=0.05)


def test_nobody_listening_is_a_lost_connection():
    async def call() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await Pool(port).request(b"GET", b"/ping", [], b"", 5)

    with pytest.raises(ConnectionLostError, match="cannot connect"):
        asyncio.run(call())
