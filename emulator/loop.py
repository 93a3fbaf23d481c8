"""The server's event loop, for the threads beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from emulator.context import Context

ResultT = TypeVar("ResultT")


class EventLoop:
    """The loop of one emulator; `context.part(EventLoop)` is the one to use. Not from the loop itself."""

    def __init__(self, context: Context) -> None:  # noqa: ARG002 - the signature of every part
        self._loop: asyncio.AbstractEventLoop | None = None

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which loop it is."""
        self._loop = loop

    def soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, and don't wait for it. Nothing happens when the loop has ended."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def wait(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a coroutine on the loop. Returns its result.

        Raises
        ------
        RuntimeError
            When no loop runs.
        """
        if self._loop is None or self._loop.is_closed():
            work.close()
            raise RuntimeError("the emulator's event loop does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
