"""The queue of an asynchronous endpoint: first come, first served, as many at once as its instances take, none while it has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_LOOK_SECONDS = 0.25


class Backlog:
    """Who waits and who is served. For the event loop."""

    def __init__(self) -> None:
        self.size = 0
        self._running = 0
        self._first_in_line = asyncio.Lock()  # it lets waiters through in the order they came
        self._left = asyncio.Event()

    @asynccontextmanager
    async def turn(self, places: Callable[[], int]) -> AsyncIterator[None]:
        """Wait for one of the places, of which there may be more or fewer while one waits, and hold it."""
        self.size += 1
        try:
            async with self._first_in_line:
                while self._running >= places():
                    self._left.clear()
                    try:
                        await asyncio.wait_for(self._left.wait(), _LOOK_SECONDS)
                    except TimeoutError:
                        continue  # an instance may have come meanwhile
            self._running += 1
            try:
                yield
            finally:
                self._running -= 1
                self._left.set()
        finally:
            self.size -= 1
