"""The workers of every function: started when needed, used again while warm, stopped when idle or out of date."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.runtime_api import Event
from emulator.functions.worker import Outcome, Worker
from emulator.loop import EventLoop

MAX_WORKERS = 10
"""Of one function without reserved concurrency: an invocation above it waits, where AWS would start its thousandth."""
IDLE_SECONDS = 300.0


class Workers:
    """The workers of one emulator; `context.part(Workers)` is the one to use. `invoke` is for the event loop, `retire` for any thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._idle: defaultdict[str, list[Worker]] = defaultdict(list)
        self._busy: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[None]] = set()

    async def invoke(self, function: dict[str, Any], event: Event) -> Outcome:
        """Run an event on a warm worker, or a new one.

        Raises
        ------
        ApiError
            TooManyRequestsException when the function's reserved concurrency is in use.
        """
        name, key = function["FunctionName"], f"{function['FunctionName']}:{function['Version']}"
        await self._admit(name, function.get("Reserved"))
        self._busy[name] += 1
        worker: Worker | None = None
        try:
            worker = self._warm(key, function["RevisionId"])
            if worker is None:
                worker = Worker(self._context, function)
                await worker.start()
            return await worker.invoke(event)
        finally:
            self._busy[name] -= 1
            self._release(name, key, worker)

    async def _admit(self, name: str, reserved: int | None) -> None:
        if reserved is not None and self._busy[name] >= reserved:
            fields = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User"}
            raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429, fields)
        while self._busy[name] >= MAX_WORKERS:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[name].append(turn)
            await turn

    def _warm(self, key: str, revision: str) -> Worker | None:
        """The idle worker used last: the others get the chance to become idle for good."""
        idle = self._idle[key]
        while idle:
            worker = idle.pop()
            if worker.dead or worker.revision != revision:
                self._stop(worker)
                continue
            return worker
        return None

    def _release(self, name: str, key: str, worker: Worker | None) -> None:
        if worker is not None and not worker.dead:
            self._idle[key].append(worker)
            asyncio.get_running_loop().call_later(IDLE_SECONDS, self._stop_if_idle, key, worker, worker.idle_since)
        waiting = self._waiting[name]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _stop_if_idle(self, key: str, worker: Worker, since: float) -> None:
        if worker in self._idle[key] and worker.idle_since == since:
            self._idle[key].remove(worker)
            self._stop(worker)

    def _stop(self, worker: Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.stop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def retire(self, name: str, version: str | None = None) -> None:
        """Stop the idle workers of a function, or of one version, that was changed or deleted; busy ones stop when their event is done."""
        self._context.part(EventLoop).soon(self._retire, name, version)

    def _retire(self, name: str, version: str | None) -> None:
        for key in [key for key in self._idle if key == f"{name}:{version}" or (version is None and key.startswith(f"{name}:"))]:
            for worker in self._idle.pop(key):
                self._stop(worker)
