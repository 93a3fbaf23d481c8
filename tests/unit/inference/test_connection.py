"""HTTP/1.1 over real sockets: what is answered, what is refused, and who is not waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.connection import IDLE_SECONDS, LINGER_SECONDS, MAX_HEAD_BYTES, MAX_PIPELINED, PATIENCE_SECONDS, Connection, Connections
from inference.http import Answer, Peer, Request

LIMIT = 1000
Scenario = Callable[["Server"], Awaitable[None]]


class Server:
    """Answers with what it got; /slow waits until it is let, /stream answers in pieces, /break raises."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.shared = Connections(self.answer, LIMIT)
        self.started, self.cancelled = 0, 0

    async def answer(self, request: Request, peer: Peer) -> None:
        self.started += 1
        if request.path == "/slow":
            try:
                await self.let.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if request.path == "/break":
            raise ZeroDivisionError
        if request.path == "/stream":
            await peer.stream(Answer(content_type="text/csv", stream=pieces()), None, False)
            return
        facts = {"method": request.method, "path": request.path, "body": bytes(request.body).decode("latin-1")}
        peer.write(Answer(json.dumps(facts).encode(), headers={"x-more": "1"}), "id-1", False)

    async def send(self, *parts: bytes) -> bytes:
        """What comes back until the server closes or half a second is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        got = await read(reader)
        writer.close()
        return got

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("did not happen within five seconds")


async def pieces() -> AsyncIterator[bytes]:
    for piece in (b"a,1\n", b"", b"b,2\n"):
        yield piece


async def read(reader: asyncio.StreamReader) -> bytes:
    got = b""
    try:
        while chunk := await asyncio.wait_for(reader.read(65536), 0.3):
            got += chunk
    except TimeoutError:
        pass
    return got


def run(scenario: Scenario) -> None:
    async def main() -> None:
        server = Server()
        server.shared.sweep()
        listening = await asyncio.get_running_loop().create_server(lambda: Connection(server.shared), "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        try:
            await scenario(server)
        finally:
            server.let.set()
            listening.close()

    asyncio.run(main())


def get(path: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: a", *headers, "", ""]).encode()


def post(body: bytes, *headers: str, path: str = "/") -> bytes:
    return get(path, f"content-length: {len(body)}", *headers, method="POST") + body


def test_a_request_in_any_pieces_is_one_request() -> None:
    whole = post(b"0123456789", "connection: close", path="/a?b=c")

    async def scenario(server: Server) -> None:
        for at in range(1, len(whole), 7):
            answer = await server.send(whole[:at], whole[at:])
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b'{"method": "POST", "path": "/a", "body": "0123456789"}')

    run(scenario)


def test_the_head_of_an_answer_says_what_it_must() -> None:
    async def scenario(server: Server) -> None:
        answer = await server.send(get("/", "connection: close"))
        head = answer.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
        assert {"content-type: application/json", "x-more: 1", "x-request-id: id-1", "connection: close"} <= set(head)
        assert [line for line in head if line.startswith("date: ") and line.endswith(" gmt")]

    run(scenario)


def test_requests_that_came_together_are_answered_in_their_order() -> None:
    async def scenario(server: Server) -> None:
        count = 3 * MAX_PIPELINED
        requests = b"".join(get(f"/{number}") for number in range(count - 1)) + get("/last", "connection: close")
        answer = await server.send(requests)
        paths = [json.loads(part.rpartition(b"\r\n\r\n")[2].partition(b"HTTP")[0])["path"] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
        assert paths == [*(f"/{number}" for number in range(count - 1)), "/last"]
        assert answer.count(b"connection: close") == 1

    run(scenario)


def test_chunked_bodies_are_read_and_written() -> None:
    async def scenario(server: Server) -> None:
        request = get("/", "transfer-encoding: chunked", "connection: close", method="POST") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        assert b'"body": "abcde"' in await server.send(request)
        answer = await server.send(get("/stream", "connection: close"))
        assert answer.endswith(b"\r\n\r\n4\r\na,1\n\r\n4\r\nb,2\n\r\n0\r\n\r\n")

    run(scenario)


def test_a_client_of_http_1_0_gets_no_chunks_and_the_end_says_that_it_is_whole() -> None:
    async def scenario(server: Server) -> None:
        answer = await server.send(get("/stream", version="1.0"))
        assert answer.endswith(b"connection: close\r\n\r\na,1\nb,2\n")
        assert b"chunked" not in answer

    run(scenario)


def test_a_client_that_asks_before_it_sends_is_told_to_go_on() -> None:
    async def scenario(server: Server) -> None:
        head, body = post(b"abc", "expect: 100-continue", "connection: close").split(b"\r\n\r\n")
        answer = await server.send(head + b"\r\n\r\n", body)
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")

    run(scenario)


def test_who_offers_another_protocol_is_answered_in_this_one() -> None:
    async def scenario(server: Server) -> None:
        answer = await server.send(get("/up", "connection: upgrade, http2-settings", "upgrade: h2c"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'"path": "/up"' in answer

    run(scenario)


def test_head_gets_no_body() -> None:
    async def scenario(server: Server) -> None:
        answer = await server.send(get("/", "connection: close", method="HEAD"))
        assert answer.endswith(b"\r\n\r\n")

    run(scenario)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n", 400),
        (get("/", "content-length: 5", "transfer-encoding: chunked", method="POST") + b"0\r\n\r\n", 400),
        (get("/" + "a" * MAX_HEAD_BYTES), 431),
        (get("/", *(f"h{number}: {'x' * 1000}" for number in range(70))), 431),
        (get("/", f"content-length: {LIMIT + 1}", method="POST"), 413),
        (get("/", f"content-length: {10**40}", method="POST"), 400),
        (get("/", "transfer-encoding: chunked", method="POST") + b"3e9\r\n" + b"a" * (LIMIT + 1) + b"\r\n0\r\n\r\n", 413),
    ],
)
def test_what_is_not_http_or_too_large_is_refused_in_words_and_the_connection_ends(request_: bytes, status: int) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.send(request_)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
        assert b"connection: close" in answer
        assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]["message"]
        assert server.started == 0

    run(scenario)


def test_a_refusal_reaches_a_client_that_still_sends() -> None:
    async def scenario(server: Server) -> None:
        reader, writer = await server.open()
        writer.write(get("/", f"content-length: {10**7}", method="POST"))
        for _ in range(100):
            writer.write(b"x" * 10**5)
            await writer.drain()
        assert (await read(reader)).startswith(b"HTTP/1.1 413 ")
        writer.close()

    run(scenario)


def test_a_client_that_goes_away_is_not_worked_for() -> None:
    async def scenario(server: Server) -> None:
        _, writer = await server.open()
        writer.write(get("/slow"))
        await server.until(lambda: server.started == 1)
        writer.close()
        await server.until(lambda: server.cancelled == 1 and not server.shared.open)

    run(scenario)


def test_a_request_that_breaks_the_application_ends_its_connection_alone() -> None:
    async def scenario(server: Server) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        assert await server.send(get("/break")) == b""
        assert b"200 OK" in await server.send(get("/", "connection: close"))

    run(scenario)


def late(server: Server, seconds: float) -> None:
    """The sweep of a moment so much later."""
    for connection in list(server.shared.open):
        connection.end_if_late(server.shared.now + seconds)


@pytest.mark.parametrize(
    ("sent", "patience"), [(b"", IDLE_SECONDS), (b"POST / HTTP/1.1\r\n", PATIENCE_SECONDS), (b"bad\r\n\r\n", LINGER_SECONDS)]
)
def test_a_silent_client_is_not_waited_for(sent: bytes, patience: float) -> None:
    async def scenario(server: Server) -> None:
        _, writer = await server.open()
        writer.write(sent)
        await server.until(lambda: bool(server.shared.open))
        await asyncio.sleep(0.05)
        late(server, patience - 1)
        await asyncio.sleep(0.05)
        assert len(server.shared.open) == 1
        late(server, patience + 1)
        await server.until(lambda: not server.shared.open)
        writer.close()

    run(scenario)


def test_a_client_that_sends_drop_by_drop_is_not_waited_for_either() -> None:
    async def scenario(server: Server) -> None:
        _, writer = await server.open()
        writer.write(get("/", "content-length: 500", method="POST"))
        await server.until(lambda: bool(server.shared.open))
        for _ in range(5):
            server.shared.now += PATIENCE_SECONDS / 2
            writer.write(b"x")
            await asyncio.sleep(0.05)
        late(server, 0)
        await server.until(lambda: not server.shared.open)
        assert server.started == 0
        writer.close()

    run(scenario)


def test_a_request_that_is_being_answered_is_not_late() -> None:
    async def scenario(server: Server) -> None:
        reader, writer = await server.open()
        writer.write(get("/slow"))
        await server.until(lambda: server.started == 1)
        late(server, 10 * PATIENCE_SECONDS)
        server.let.set()
        assert (await read(reader)).startswith(b"HTTP/1.1 200 OK")
        writer.close()

    run(scenario)


def test_draining_closes_the_idle_and_answers_the_others() -> None:
    async def scenario(server: Server) -> None:
        idle, idle_writer = await server.open()
        busy, busy_writer = await server.open()
        busy_writer.write(get("/slow"))
        await server.until(lambda: server.started == 1 and len(server.shared.open) == 2)
        drained = asyncio.create_task(server.shared.drained())
        assert await read(idle) == b""
        server.let.set()
        answer = await read(busy)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in answer
        await asyncio.wait_for(drained, 5)
        idle_writer.close()
        busy_writer.close()

    run(scenario)


@settings(max_examples=60)
@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([get("/"), post(b"abc"), b"\r\n", b"0\r\n\r\n"])), max_size=6))
def test_no_bytes_break_the_server(parts: list[bytes]) -> None:
    async def scenario(server: Server) -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        reader, writer = await server.open()
        writer.write(b"".join(parts))
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert b"200 OK" in await server.send(get("/", "connection: close"))
        assert not failures

    run(scenario)
