"""The micro-batcher: concurrent requests share one call of the model, and an idle server makes nobody wait.

Three ways of running, chosen by how long the model takes:
- below 2 ms a batch runs on the event loop: all requests that were readable in the same turn form it, no thread is involved;
- above, one worker thread runs it, and the next batch is handed over before the answers are written;
- for slow models the answered clients get a short while (at most a quarter of the model's time) to join the next batch. Otherwise two
  half-full batches would take turns and each request would wait for two.

All of it runs on the event loop's thread except `_work`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from inference.errors import deadline_exceeded, overloaded

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ON_LOOP_SECONDS = 0.002
LINGER_ABOVE_SECONDS = 0.010
LINGER_SHARE = 0.25
_REMEMBERED = 16
"""Recent calls from which the next one is estimated."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[Item, Answer]):
    """One request: its items, how many were taken into batches, and the answers so far."""

    items: Sequence[Item]
    future: asyncio.Future[Sequence[Answer]]
    deadline: float
    submitted: float
    taken: int = 0
    answered: int = 0
    parts: list[Sequence[Answer]] = field(default_factory=list)


_Part = tuple["_Entry[Item, Answer]", Sequence[Item]]


@dataclass(frozen=True)
class BatchReport:
    """What telemetry learns of a finished batch."""

    rows: int
    requests: int
    predict_seconds: float
    wait_seconds: float


def chained(parts: list[Sequence[Item]]) -> list[Item]:
    """One list of all items."""
    return [item for part in parts for item in part]


class Batcher(Generic[Item, Answer]):
    """Batches the items of concurrent requests.

    Parameters
    ----------
    predict :
        Answers a list of items, one answer per item, whatever else is in the list.
    join :
        Makes one sequence of several, for items and for answers; lists are chained by default, arrays can be concatenated.
    max_rows :
        Items in one call; a larger request is split.
    max_queue_rows :
        Items that may wait; `submit` raises RequestError 503 beyond it.
    deadline_seconds :
        An entry that is not answered by then gets 503: without being predicted when it still waits, behind the model's back when the
        model hangs.
    on_batch :
        Called after each batch.
    expected_seconds :
        The first guess of the model's time, e.g. from the warm-up.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        join: Callable[[list[Any]], Any] = chained,
        max_rows: int = 512,
        max_queue_rows: int = 8192,
        deadline_seconds: float = 50.0,
        on_batch: Callable[[BatchReport], None] | None = None,
        expected_seconds: float = LINGER_ABOVE_SECONDS,
    ) -> None:
        self._predict = predict
        self._join = join
        self._max_rows = max_rows
        self._max_queue_rows = max_queue_rows
        self._deadline_seconds = deadline_seconds
        self._on_batch = on_batch
        self._calls: deque[tuple[int, float]] = deque([(1, expected_seconds)], maxlen=_REMEMBERED)
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Entry[Item, Answer]] = deque()
        self._busy = False
        self._linger: asyncio.TimerHandle | None = None
        self._wanted_rows = 0
        self._work_queue: SimpleQueue[list[_Part[Item, Answer]] | None] = SimpleQueue()
        self._worker: threading.Thread | None = None
        self._at_work: list[_Part[Item, Answer]] = []
        self._running_since: float | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self.queued_rows = 0

    @property
    def healthy(self) -> bool:
        """False when the worker thread has died, or has been in one call for longer than any request may wait."""
        if self._worker is None:
            return True
        stuck = self._running_since is not None and time.monotonic() - self._running_since > self._deadline_seconds
        return self._worker.is_alive() and not stuck

    @property
    def busy(self) -> bool:
        """True while a batch is being predicted or waited for."""
        return self._busy

    def submit(self, items: Sequence[Item]) -> asyncio.Future[Sequence[Answer]]:
        """A future of one answer per item; RequestError 503 when too much is waiting. A cancelled future is not predicted."""
        if self.queued_rows + len(items) > self._max_queue_rows and self.queued_rows:
            raise overloaded()
        now = time.monotonic()
        future: asyncio.Future[Sequence[Answer]] = self._loop.create_future()
        self._pending.append(_Entry(items, future, now + self._deadline_seconds, now))
        self.queued_rows += len(items)
        if not self._busy:
            self._busy = True
            # Two turns: one lets the other sockets that are readable now be read, the next runs.
            self._loop.call_soon(lambda: self._loop.call_soon(self._next))
        elif self._linger is not None and self.queued_rows >= self._wanted_rows:
            self._end_linger()
        return future

    def close(self) -> None:
        """End the worker thread once its batch is done."""
        self._work_queue.put(None)

    def _take(self) -> list[_Part[Item, Answer]]:
        """The next batch: whole requests while they fit, else a part of a large one; skips the cancelled and the late."""
        batch: list[_Part[Item, Answer]] = []
        room, now = self._max_rows, time.monotonic()
        while self._pending and room:
            entry = self._pending[0]
            rest = len(entry.items) - entry.taken
            if entry.future.done() or now > entry.deadline:
                self._drop(entry, rest)
                continue
            if batch and rest > room:
                break
            count = min(rest, room)
            batch.append((entry, entry.items[entry.taken : entry.taken + count]))
            entry.taken += count
            room -= count
            self.queued_rows -= count
            if entry.taken == len(entry.items):
                self._pending.popleft()
        return batch

    def _drop(self, entry: _Entry[Item, Answer], rest: int) -> None:
        self._pending.popleft()
        self.queued_rows -= rest
        if not entry.future.done():
            entry.future.set_exception(deadline_exceeded(self._deadline_seconds))

    def _estimate(self, rows: int) -> float:
        """Seconds that a call of so many rows takes on an undisturbed machine: the quickest of the recent ones, in proportion."""
        return min(seconds * max(1.0, rows / called) for called, seconds in self._calls)

    def _next(self, *, on_worker: bool = False) -> None:
        batch = self._take()
        if not batch:
            self._busy = False
        elif not on_worker and self._estimate(_rows(batch)) < ON_LOOP_SECONDS:
            self._finish(batch, *self._run(batch))
            self._loop.call_soon(self._next)
        else:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="predict", daemon=True)
                self._worker.start()
            self._at_work = batch
            self._watchdog = self._loop.call_later(self._deadline_seconds, self._expire)
            self._work_queue.put(batch)

    def _expire(self) -> None:
        """While the worker is in one call: answer those whose time is up, and look again when the next one's is."""
        now = time.monotonic()
        waiting = [entry for entry in (*(entry for entry, _ in self._at_work), *self._pending) if not entry.future.done()]
        for entry in waiting:
            if now >= entry.deadline:
                entry.future.set_exception(deadline_exceeded(self._deadline_seconds))
        upcoming = min((entry.deadline for entry in waiting if now < entry.deadline), default=now + self._deadline_seconds)
        self._watchdog = self._loop.call_later(upcoming - now, self._expire)

    def _work(self) -> None:
        while (batch := self._work_queue.get()) is not None:
            self._running_since = time.monotonic()
            outcome, seconds = self._run(batch)
            self._running_since = None
            self._loop.call_soon_threadsafe(self._handed_back, batch, outcome, seconds)

    def _handed_back(self, batch: list[_Part[Item, Answer]], outcome: list[Sequence[Answer] | Exception], seconds: float) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._at_work = []
        estimate = self._estimate(_rows(batch))
        if estimate < LINGER_ABOVE_SECONDS:
            # On the worker, whatever its size: on the loop it would overtake this one, which may hold parts of the same request.
            self._next(on_worker=True)
            self._finish(batch, outcome, seconds)
            return
        self._finish(batch, outcome, seconds)
        # All who are known to be there: those that wait, and those just answered.
        self._wanted_rows = min(self._max_rows, _rows(batch) + self.queued_rows)
        self._linger = self._loop.call_later(LINGER_SHARE * estimate, self._end_linger)
        if self.queued_rows >= self._wanted_rows:
            self._end_linger()

    def _end_linger(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        self._next()

    def _run(self, batch: list[_Part[Item, Answer]]) -> tuple[list[Sequence[Answer] | Exception], float]:
        """One outcome per part of the batch, and the seconds it took. When the call fails, each part is tried alone."""
        started = time.perf_counter()
        outcome: list[Sequence[Answer] | Exception]
        try:
            answers = self._predict(batch[0][1] if len(batch) == 1 else self._join([items for _, items in batch]))
            outcome, at = [], 0
            for _, items in batch:
                outcome.append(answers[at : at + len(items)])
                at += len(items)
        except Exception as error:  # noqa: BLE001 whatever the model raises belongs to the request that caused it
            outcome = [error] if len(batch) == 1 else [self._run([part])[0][0] for part in batch]
        return outcome, time.perf_counter() - started

    def _finish(self, batch: list[_Part[Item, Answer]], outcome: list[Sequence[Answer] | Exception], seconds: float) -> None:
        self._calls.append((_rows(batch), seconds))
        for (entry, _), result in zip(batch, outcome, strict=True):
            if entry.future.done():
                continue
            if isinstance(result, Exception):
                entry.future.set_exception(result)
                continue
            entry.parts.append(result)
            entry.answered += len(result)
            if entry.answered == len(entry.items):
                entry.future.set_result(entry.parts[0] if len(entry.parts) == 1 else self._join(entry.parts))
        if self._on_batch:
            oldest = min(entry.submitted for entry, _ in batch)
            self._on_batch(BatchReport(_rows(batch), len(batch), seconds, max(0.0, time.monotonic() - oldest - seconds)))


def _rows(batch: Sequence[tuple[object, Sequence[object]]]) -> int:
    return sum(len(items) for _, items in batch)
