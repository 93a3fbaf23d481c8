"""The emulator's process: everything in one event loop and a few threads, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from emulator import operations
from emulator.aws import Aws
from emulator.cloudformation.engine import Restoration
from emulator.context import Context
from emulator.endpoints.invoke import Invocations
from emulator.front_door import FrontDoor
from emulator.functions import http_api
from emulator.functions.invoke import Invoker
from emulator.home import Home, LastRun
from emulator.images import read_images
from emulator.jobs import interruption
from emulator.loop import EventLoop
from emulator.persistence import ACCOUNT
from emulator.store import Store

_KEEP_ALIVE_SECONDS = 75
_DRAIN_SECONDS = 5
_RESTORE_SECONDS = 9
_RUNNING = ("InProgress", "Executing", "Stopping")
_JOBS = (
    ("pipeline-execution", "PipelineExecutionArn", "PipelineExecutionStatus"),
    ("processing-job", "ProcessingJobName", "ProcessingJobStatus"),
    ("training-job", "TrainingJobName", "TrainingJobStatus"),
    ("transform-job", "TransformJobName", "TransformJobStatus"),
)
_LOG = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn that ends with status 0 after an orderly stop; left alone it would end with the signal's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True


def run(home: Home, run_as: LastRun, listener: socket.socket) -> int:
    """Serve on `listener` until SIGTERM or SIGINT. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    context = Context(
        store=Store(home.records),
        home=home.folder,
        region=run_as.region,
        account=ACCOUNT,
        endpoint_url=run_as.url,
        images=read_images(Path(run_as.images) if run_as.images else None),
    )
    try:
        asyncio.Runner(loop_factory=_uvloop).run(_serve(home, run_as, context, listener))
    finally:
        context.close()
    return 0


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


async def _serve(home: Home, run_as: LastRun, context: Context, listener: socket.socket) -> None:
    aws = Aws(home.objects)
    operations.load()
    context.part(EventLoop).serve(asyncio.get_running_loop())
    direct = {
        "sagemaker-runtime": Invocations(context).application,
        "lambda": context.part(Invoker).application,
    }
    door = FrontDoor(
        context,
        aws.app,
        direct,
        {http_api.PREFIX: http_api.HttpApi(context), interruption.PREFIX: interruption.Interruptions(context)},
        {"/health": lambda: _health(context, run_as), "/": lambda: _status(context, run_as)},
    )
    config = uvicorn.Config(
        door,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = Server(config)
    try:
        # before the first request, so that no hook takes a new job for one that a crash interrupted
        await asyncio.get_running_loop().run_in_executor(None, operations.start, context)
        context.part(Restoration).start()
        _LOG.info("answering at %s, %d objects restored", run_as.url, aws.restored)
        await server.serve([listener])
    finally:
        door.close()
        aws.close()


def _health(context: Context, run_as: LastRun) -> dict[str, Any]:
    context.part(Restoration).wait(_RESTORE_SECONDS)
    return {
        "home": str(context.home),
        "pid": run_as.pid,
        "url": run_as.url,
        "region": run_as.region,
        "up_seconds": round(time.time() - run_as.started, 1),
    }


def _status(context: Context, run_as: LastRun) -> dict[str, Any]:
    store = context.store
    return {
        **_health(context, run_as),
        "endpoints": {record["EndpointName"]: record["EndpointStatus"] for record in store.list("endpoint")},
        "functions": [record["FunctionName"] for record in store.list("function")],
        "jobs": {
            kind: [record[name] for record in store.list(kind, where=lambda record: record[status] in _RUNNING)]  # noqa: B023 - used at once
            for kind, name, status in _JOBS
        },
    }
