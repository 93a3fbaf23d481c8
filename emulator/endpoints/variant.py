"""One running variant of an endpoint: its model server, the connections to it, and its restarts."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import threading
import time
from collections.abc import Mapping
from typing import Any

from emulator.archives import ArchiveError
from emulator.containers import ContainerError, ServerProcess, start_model_server
from emulator.context import Context
from emulator.control.models import containers_of
from emulator.endpoints.connection import Pool
from emulator.errors import ApiError, EmulatorError
from emulator.logs import LogStream, log_file
from emulator.s3 import ObjectError

DEFAULT_STARTUP_SECONDS = 480
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_STOP_GRACE_SECONDS = 10.0
_LOG = logging.getLogger(__name__)
_numbers = itertools.count()


class VariantError(EmulatorError):
    """A variant did not come up; the text is the endpoint's FailureReason."""


def container_of(context: Context, model_name: str) -> dict[str, Any]:
    """The container that a model's endpoint runs: `Image`, `Environment`, `ModelDataUrl`.

    Raises
    ------
    ApiError
        When the model doesn't exist, or is an inference pipeline of several containers.
    """
    containers = containers_of(context, model_name)
    if len(containers) != 1:
        message = f"Model {model_name!r} has {len(containers)} containers: inference pipelines are not implemented"
        raise ApiError("NotImplemented", message, 501)
    return containers[0]


def serverless_idle_seconds() -> float:
    """After how long without an invocation a serverless container sleeps: EMULATOR_SERVERLESS_IDLE_SECONDS, 300 unless set."""
    return float(os.environ.get("EMULATOR_SERVERLESS_IDLE_SECONDS", "300"))


class LiveVariant:
    """A variant's process, started again when it ends by itself.

    `pool`, `in_flight` and `ready` belong to the event loop; everything else to the threads that start and stop.
    """

    def __init__(self, context: Context, endpoint: str, spec: Mapping[str, Any]) -> None:
        self._context, self._endpoint, self.spec = context, endpoint, spec
        self.name: str = spec["VariantName"]
        self.container = container_of(context, spec["ModelName"])
        self.pool: Pool | None = None
        self.in_flight = 0
        self.retired = threading.Event()
        self.max_concurrency: int | None = spec.get("ServerlessConfig", {}).get("MaxConcurrency")
        self._asleep = False
        self._waking: asyncio.Future[None] | None = None
        self._last_used = 0.0
        self._server: ServerProcess | None = None
        self._folder = context.home / "endpoints" / endpoint / f"{self.name}-{time.time_ns():x}-{next(_numbers)}"
        self._pause = _FIRST_PAUSE_SECONDS
        instance = f"i-{time.time_ns():017x}"
        self._log = log_file(context, f"Endpoints/{endpoint}", self.name, instance)
        self._stream = LogStream(context, f"Endpoints/{endpoint}", self.name, instance)

    def start(self) -> None:
        """Start the container and wait until it answers its ping.

        Raises
        ------
        VariantError
            When it doesn't; nothing is left running.
        """
        limit = self.spec.get("ContainerStartupHealthCheckTimeoutInSeconds", DEFAULT_STARTUP_SECONDS)
        self._folder.mkdir(parents=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        (self._folder / "container.log").symlink_to(self._log)
        try:
            image, model = self.container["Image"], self.container.get("ModelDataUrl")
            self._server = start_model_server(self._context, image, model, self.container["Environment"], self._folder)
            self._server.wait_ready(limit)
        except (EmulatorError, ContainerError, ObjectError, ArchiveError, OSError) as error:
            self.stop()
            reason = f"The primary container for production variant {self.name} did not pass the ping health check"
            raise VariantError(f"{reason}: {error}") from error
        self.pool = Pool(self._server.port)

    async def wake(self) -> Pool | None:
        """Start a serverless container that sleeps, the cold start that its caller waits for. The pool, or None when it isn't up."""
        if not self._asleep:
            return None
        if self._waking is None:
            self._waking = asyncio.get_running_loop().run_in_executor(None, self._wake)
        await asyncio.shield(self._waking)
        return self.pool

    def _wake(self) -> None:
        self._restart()
        self._asleep, self._waking = False, None
        if self.pool is not None:
            self.keep()

    def used(self) -> None:
        """Called on the event loop after each invocation; a serverless container sleeps when the last was long ago."""
        if self.max_concurrency is not None:
            self._last_used = time.monotonic()
            asyncio.get_running_loop().call_later(serverless_idle_seconds() + 0.01, self._sleep_if_idle)

    def _sleep_if_idle(self) -> None:
        idle = time.monotonic() - self._last_used >= serverless_idle_seconds()
        if idle and not self.in_flight and self.pool is not None and not self.retired.is_set():
            self._asleep, self.pool = True, None
            asyncio.get_running_loop().run_in_executor(None, self.stop)

    def keep(self) -> None:
        """Start the thread that watches over the container."""
        threading.Thread(target=self.watch, name=f"watch-{self._endpoint}-{self.name}", daemon=True).start()

    def watch(self) -> None:
        """Until the variant is retired, start its container again whenever it ends. Runs in a thread of its own."""
        while not self.retired.is_set() and self._server is not None:
            status = self._server.process.wait(1.0)
            self._stream.ship(everything=status is not None)
            if self._asleep:
                return
            if status is None or self.retired.is_set():
                continue
            _LOG.warning("endpoint %s: variant %s ended with status %s: %s", self._endpoint, self.name, status, self._server.last_line())
            self.pool = None
            if self.retired.wait(self._pause):
                return
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
            self._restart()

    def _restart(self) -> None:
        self._clear()
        try:
            self.start()
        except VariantError as error:
            _LOG.warning("endpoint %s: %s", self._endpoint, error)
        if self.retired.is_set():  # while it started
            self.stop()

    def drain(self, timeout_seconds: float) -> None:
        """Wait until no invocation is under way."""
        until = time.monotonic() + timeout_seconds
        time.sleep(0.05)  # an invocation that was routed just before the switch may not be counted yet
        while self.in_flight and time.monotonic() < until:
            time.sleep(0.02)

    def retire(self) -> None:
        """Stop for good."""
        self.retired.set()
        self.stop()

    def stop(self) -> None:
        """End the container; its log stays under `logs/Endpoints`."""
        if self._server is not None:
            self._server.stop(_STOP_GRACE_SECONDS)
        self._stream.ship(everything=True)
        self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
