"""One instance of a variant: its container, which is started again when it ends, and sleeps when it is serverless."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from emulator.context import Context
from emulator.endpoints.connection import Pool
from emulator.endpoints.instance import Instance, VariantError

DEFAULT_STARTUP_SECONDS = 480
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_LOOK_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


def serverless_idle_seconds() -> float:
    """After how long without an invocation a serverless container sleeps: EMULATOR_SERVERLESS_IDLE_SECONDS, 300 unless set."""
    return float(os.environ.get("EMULATOR_SERVERLESS_IDLE_SECONDS", "300"))


class Host:
    """A place for one container after the other. `in_flight`, `wake` and `used` are for the event loop, the rest for any thread."""

    def __init__(self, context: Context, endpoint: str, spec: Mapping[str, Any], container: Mapping[str, Any]) -> None:
        self._context, self._endpoint, self._spec, self._container = context, endpoint, spec, container
        self._variant: str = spec["VariantName"]
        self._serverless = "ServerlessConfig" in spec
        self.in_flight = 0
        self.retired = threading.Event()
        self._instance: Instance | None = None
        self._lost: Instance | None = None
        self._waking: asyncio.Future[None] | None = None
        self._asleep, self._last_used = False, 0.0

    @property
    def pool(self) -> Pool | None:
        """The connections to the container; None while there is none that answers."""
        instance = self._instance
        return instance.pool if instance is not None and instance is not self._lost else None

    def lost(self, among: Sequence[Host]) -> bool:
        """Note that the container takes no connections: another will be started. Whether one of the others can take the call."""
        self._lost = self._instance
        return any(host.pool is not None for host in among)

    def start(self) -> None:
        """Start the container, wait until it answers its ping, and watch over it from then on.

        Raises
        ------
        VariantError
            When it doesn't answer; nothing is left running.
        """
        instance = self._new_instance()
        threading.Thread(target=self._watch, args=(instance,), name=f"watch-{self._endpoint}-{self._variant}", daemon=True).start()

    def _new_instance(self) -> Instance:
        instance = Instance(self._context, self._endpoint, self._variant)
        instance.start(self._container, self._spec.get("ContainerStartupHealthCheckTimeoutInSeconds", DEFAULT_STARTUP_SECONDS))
        self._instance = instance
        if self.retired.is_set():  # while it started
            instance.stop()
        return instance

    def _watch(self, instance: Instance) -> None:
        """Until the instance is given up on purpose, put another in its place whenever it ends."""
        while True:
            status = instance.wait(_LOOK_SECONDS)
            if self._instance is not instance or self.retired.is_set():
                return
            if status is not None or self._lost is instance:
                _LOG.warning(
                    "endpoint %s: variant %s ended with status %s: %s", self._endpoint, self._variant, status, instance.last_line()
                )
                self._instance = None
                instance.stop()
                replacement = self._replacement()
                if replacement is None:
                    return
                instance = replacement

    def _replacement(self) -> Instance | None:
        pause = _FIRST_PAUSE_SECONDS
        while not self.retired.wait(pause):
            try:
                return self._new_instance()
            except VariantError as error:
                _LOG.warning("endpoint %s: %s", self._endpoint, error)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return None

    async def wake(self) -> Pool | None:
        """Start the container of a serverless variant that sleeps: the cold start, which every caller meanwhile waits for.

        None when it didn't come up, or was not asleep.
        """
        if not self._asleep:
            return None
        if self._waking is None:
            self._waking = asyncio.get_running_loop().run_in_executor(None, self._wake)
        await asyncio.shield(self._waking)
        return self.pool

    def _wake(self) -> None:
        try:
            self.start()
            self._asleep = False
        except VariantError as error:
            _LOG.warning("endpoint %s: %s", self._endpoint, error)
        finally:
            self._waking = None

    def used(self) -> None:
        """Note an invocation's end; a serverless container sleeps when the last was long ago."""
        if self._serverless:
            self._last_used = time.monotonic()
            asyncio.get_running_loop().call_later(serverless_idle_seconds() + 0.01, self._sleep_if_idle)

    def _sleep_if_idle(self) -> None:
        idle = time.monotonic() - self._last_used >= serverless_idle_seconds()
        instance = self._instance
        if idle and not self.in_flight and instance is not None and not self.retired.is_set():
            self._asleep, self._instance = True, None
            asyncio.get_running_loop().run_in_executor(None, instance.stop)

    def drain(self, timeout_seconds: float) -> None:
        """Wait until no invocation is under way."""
        until = time.monotonic() + timeout_seconds
        time.sleep(0.05)  # an invocation that was routed just before the switch may not be counted yet
        while self.in_flight and time.monotonic() < until:
            time.sleep(0.02)

    def retire(self) -> None:
        """Stop for good."""
        self.retired.set()
        instance = self._instance
        if instance is not None:
            instance.stop()
