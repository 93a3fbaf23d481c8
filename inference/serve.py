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
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from threadpoolctl import threadpool_limits

from housing.errors import SettingsError
from inference.app import App
from inference.settings import Settings
from inference.spans import exporting_spans
from inference.state import State
from inference.telemetry import Telemetry

GRACE_SECONDS = 20
"""For requests in flight at the end; SageMaker and Kubernetes kill after 30 s."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end a told-to-stop process with status -15."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, telemetry: Telemetry) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    state = State(settings, telemetry)
    config = uvicorn.Config(
        App(state),
        host=settings.host,
        port=settings.port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    serving = asyncio.create_task(server.serve())
    loading = asyncio.create_task(_load(state, ending))
    await asyncio.wait({serving, asyncio.create_task(ending.wait())}, return_when=asyncio.FIRST_COMPLETED)
    failed = state.phase == "failed"
    if not failed:
        state.phase = "draining"
    if not serving.done():
        await asyncio.sleep(settings.failure_seconds if failed else settings.drain_seconds)
        server.should_exit = True
    await serving
    loading.cancel()
    if state.batcher is not None:
        state.batcher.close()
    telemetry.close()
    return 1 if failed or not server.started else 0


async def _load(state: State, ending: asyncio.Event) -> None:
    await state.load()
    if state.phase == "failed":
        ending.set()


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
    except SettingsError as error:
        sys.exit(f"serve: {error}")
    status = uvloop.run(serve(settings, telemetry))
    sys.stdout.flush()
    # A load that is still running in its thread must not hold the process back.
    os._exit(status)


if __name__ == "__main__":
    main()
