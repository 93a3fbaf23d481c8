"""The command `serve`: what SageMaker runs in a hosting container (`IMAGE serve`).

The socket opens at once and the model loads behind it, so /ping can say `503 loading` instead of refusing. SIGTERM: not ready at once,
a short while in which requests that are on their way are still answered (each asks its client to reconnect), then the listening socket
closes, what is in flight is finished, and the status is 0. A model that cannot be loaded ends the process with status 1 after it was said
in the log and in /ping.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress

import uvloop
from threadpoolctl import threadpool_limits

from housing.errors import SettingsError
from inference.app import App
from inference.connection import Connection, Connections
from inference.settings import Settings
from inference.spans import exporting_spans
from inference.state import State
from inference.telemetry import Telemetry

BACKLOG = 2048
GRACE_SECONDS = 20
"""For requests in flight at the end; SageMaker and Kubernetes kill after 30 s."""


async def serve(settings: Settings, telemetry: Telemetry, listener: socket.socket) -> int:
    """Serve on `listener` until SIGTERM or SIGINT; the exit status."""
    state, loop, ending = State(settings, telemetry), asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    connections = Connections(App(state), settings.max_body_bytes)
    sweeping = asyncio.create_task(connections.sweeping())
    server = await loop.create_server(lambda: Connection(connections), sock=listener, backlog=BACKLOG)
    loading = asyncio.create_task(_load(state, ending))
    await ending.wait()
    failed = state.phase == "failed"
    if not failed:
        state.phase = "draining"
    await asyncio.sleep(settings.failure_seconds if failed else settings.drain_seconds)
    server.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(connections.drained(), GRACE_SECONDS)
    loading.cancel()
    sweeping.cancel()
    if state.batcher is not None:
        state.batcher.close()
    telemetry.close()
    return 1 if failed else 0


async def _load(state: State, ending: asyncio.Event) -> None:
    await state.load()
    if state.phase == "failed":
        ending.set()


def listen(settings: Settings) -> socket.socket:
    """The listening socket; SettingsError when the address cannot be had."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=BACKLOG)
    except OSError as error:
        message = f"HOUSING_SERVE_HOST, SAGEMAKER_BIND_TO_PORT: {settings.host}:{settings.port}: {error.strerror or error}; name a free one"
        raise SettingsError(message) from error


def use_one_thread() -> None:
    """One row is fastest on one thread; concurrency comes from batching and from more instances."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    threadpool_limits(int(os.environ["OMP_NUM_THREADS"]))


def main() -> None:
    """Serve the model of SM_MODEL_DIR (else /opt/ml/model) on SAGEMAKER_BIND_TO_PORT (else 8080)."""
    use_one_thread()
    try:
        settings = Settings.from_environment()
        telemetry = Telemetry(exporting_spans() if settings.traces else None)
        listener = listen(settings)
    except SettingsError as error:
        sys.exit(f"serve: {error}")
    status = uvloop.run(serve(settings, telemetry, listener))
    sys.stdout.flush()
    # A load that is still running in its thread must not hold the process back.
    os._exit(status)


if __name__ == "__main__":
    main()
