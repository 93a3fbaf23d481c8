"""The end of a serving process: who is in the middle of a request is waited for as long as an answer may take, and not longer."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

from inference.process import serve
from inference.settings import Settings
from inference.state import State
from inference.telemetry import Telemetry


async def ready(state: State) -> None:
    state.phase = "ready"


async def ended(deadline_seconds: float, rest_after: float) -> tuple[float, bytes]:
    """Tell a server to end in the middle of a request whose rest comes so much later: how long it then took, and what it answered."""
    listener = socket.create_server(("127.0.0.1", 0))
    settings = Settings(Path("nowhere"), deadline_seconds=deadline_seconds, drain_seconds=0)
    serving = asyncio.create_task(serve(settings, Telemetry(), listener, ready))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET /ping HTTP/1.1\r\nhost: x\r\n")
    await asyncio.sleep(0.2)
    started = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    done, _ = await asyncio.wait({serving}, timeout=rest_after)
    if not done:
        writer.write(b"\r\n")
    answer = b"" if done else await asyncio.wait_for(reader.read(100), 5)
    assert await asyncio.wait_for(serving, 10) == 0
    writer.close()
    return time.monotonic() - started, answer


def test_a_request_that_is_under_way_is_answered() -> None:
    took, answer = asyncio.run(ended(deadline_seconds=30, rest_after=0.5))
    assert answer.startswith(b"HTTP/1.1 503")  # /ping: it is draining
    assert took < 5


def test_a_client_that_never_ends_its_request_is_waited_for_until_the_deadline() -> None:
    took, answer = asyncio.run(ended(deadline_seconds=0.5, rest_after=8))
    assert not answer
    assert 0.5 <= took < 8
