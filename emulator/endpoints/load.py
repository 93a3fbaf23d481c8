"""What a variant has to do: counters that grow with every invocation, from which the auto scaler takes differences."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from emulator.context import Context


@dataclass(frozen=True)
class Reading:
    """A moment's counters.

    Parameters
    ----------
    at
        The moment, in seconds of the monotonic clock.
    invocations
        How many came so far.
    busy_seconds
        The time that all invocations took so far, also those under way: its growth per second is their concurrency.
    """

    at: float
    invocations: int
    busy_seconds: float


class Load:
    """The counters of one variant. `begin` and `end` are for the event loop; a reading from another thread may be off by one call."""

    __slots__ = ("_busy_seconds", "_in_flight", "_invocations", "_since")

    def __init__(self) -> None:
        self._invocations = 0
        self._busy_seconds, self._in_flight, self._since = 0.0, 0, time.monotonic()

    def begin(self) -> None:
        """An invocation comes."""
        now = time.monotonic()
        self._busy_seconds += self._in_flight * (now - self._since)
        self._since = now
        self._in_flight += 1
        self._invocations += 1

    def end(self) -> None:
        """It is answered."""
        now = time.monotonic()
        self._busy_seconds += self._in_flight * (now - self._since)
        self._since = now
        self._in_flight -= 1

    def read(self) -> Reading:
        """The counters now."""
        now = time.monotonic()
        return Reading(now, self._invocations, self._busy_seconds + self._in_flight * (now - self._since))


class Loads:
    """The loads of one emulator by endpoint and variant: they outlive an update, after which other processes go on under the same name."""

    def __init__(self, context: Context) -> None:  # noqa: ARG002 - the signature of every part
        self._loads: dict[tuple[str, str], Load] = {}
        self._lock = threading.Lock()

    def of(self, endpoint: str, variant: str) -> Load:
        """The load of a variant."""
        with self._lock:
            return self._loads.setdefault((endpoint, variant), Load())
