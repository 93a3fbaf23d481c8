"""The life of one serving process: it answers from the first moment, and ends in order.

The socket is open before the model is there, so /ping can say `503 loading` instead of refusing. SIGTERM: not ready at once, a short while
in which requests that are on their way are still answered (each asks its client to reconnect), then the listening socket closes, what is
in flight is finished within the deadline of an answer, and the status is 0. Pods of `deploy/eks` have the time for that; SageMaker kills
30 s after the signal. A model that cannot be loaded ends the process with status 1 after it was said in the log and in /ping.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from inference.app import App
from inference.connection import Connection, Connections
from inference.settings import Settings
from inference.siblings import Siblings
from inference.state import State
from inference.telemetry import Telemetry

BACKLOG = 2048

Begin = Callable[[State], Awaitable[None]]
"""Brings the state to `ready` or `failed`."""


async def serve(
    settings: Settings, telemetry: Telemetry, listener: socket.socket, begin: Begin = State.load, siblings: Siblings | None = None
) -> int:
    """Serve on `listener` until SIGTERM or SIGINT; the exit status. `siblings` are the other workers of the same server."""
    state, loop, ending = State(settings, telemetry, siblings=siblings), asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    connections = Connections(App(state), settings.max_body_bytes)
    sweeping = asyncio.create_task(connections.sweeping())
    private = await siblings.open(telemetry) if siblings else None
    beginning = asyncio.create_task(_begin(state, begin, ending))
    await asyncio.sleep(0)
    server = await loop.create_server(lambda: Connection(connections), sock=listener, backlog=BACKLOG)
    await ending.wait()
    failed = state.phase == "failed"
    if not failed:
        state.phase = "draining"
    await asyncio.sleep(settings.failure_seconds if failed else settings.drain_seconds)
    server.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(connections.drained(), settings.deadline_seconds)
    beginning.cancel()
    sweeping.cancel()
    if private is not None:
        private.close()
    if state.batcher is not None:
        state.batcher.close()
    telemetry.close()
    return 1 if failed else 0


async def _begin(state: State, begin: Begin, ending: asyncio.Event) -> None:
    await begin(state)
    if state.phase == "failed":
        ending.set()
