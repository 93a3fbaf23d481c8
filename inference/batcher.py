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
from typing import Generic, TypeVar

from inference.errors import deadline_exceeded, overloaded

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ON_LOOP_SECONDS = 0.002
LINGER_ABOVE_SECONDS = 0.010
LINGER_SHARE = 0.25
_SMOOTHING = 0.2


@dataclass
class _Entry(Generic[Item, Answer]):
    """One request: its items, how many were taken into batches, and the answers so far."""

    items: Sequence[Item]
    future: asyncio.Future[list[Answer]]
    deadline: float
    submitted: float
    taken: int = 0
    answers: list[Answer] = field(default_factory=list)


_Part = tuple["_Entry[Item, Answer]", Sequence[Item]]


@dataclass(frozen=True)
class BatchReport:
    """What telemetry learns of a finished batch."""

    rows: int
    requests: int
    predict_seconds: float
    wait_seconds: float


class Batcher(Generic[Item, Answer]):
    """Batches the items of concurrent requests.

    Parameters
    ----------
    predict :
        Answers a list of items, one answer per item, whatever else is in the list.
    max_rows :
        Items in one call; a larger request is split.
    max_queue_rows :
        Items that may wait; `submit` raises RequestError 503 beyond it.
    deadline_seconds :
        An entry that has waited longer is answered 503 without being predicted.
    on_batch :
        Called after each batch.
    expected_seconds :
        The first guess of the model's time, e.g. from the warm-up.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        max_rows: int = 512,
        max_queue_rows: int = 8192,
        deadline_seconds: float = 50.0,
        on_batch: Callable[[BatchReport], None] | None = None,
        expected_seconds: float = LINGER_ABOVE_SECONDS,
    ) -> None:
        self._predict = predict
        self._max_rows = max_rows
        self._max_queue_rows = max_queue_rows
        self._deadline_seconds = deadline_seconds
        self._on_batch = on_batch
        self._seconds = expected_seconds
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Entry[Item, Answer]] = deque()
        self._busy = False
        self._linger: asyncio.TimerHandle | None = None
        self._wanted_rows = 0
        self._work_queue: SimpleQueue[list[_Part[Item, Answer]] | None] = SimpleQueue()
        self._worker: threading.Thread | None = None
        self._running_since: float | None = None
        self.queued_rows = 0

    @property
    def healthy(self) -> bool:
        """False when the worker thread has died, or has been in one call for longer than any request may wait."""
        if self._worker is None:
            return True
        stuck = self._running_since is not None and time.monotonic() - self._running_since > self._deadline_seconds
        return self._worker.is_alive() and not stuck

    @property
    def slow(self) -> bool:
        """True when answers come from the worker thread, so that a caller has time to go away."""
        return self._seconds >= ON_LOOP_SECONDS

    def submit(self, items: Sequence[Item]) -> asyncio.Future[list[Answer]]:
        """A future of one answer per item; RequestError 503 when too much is waiting. A cancelled future is not predicted."""
        if self.queued_rows + len(items) > self._max_queue_rows and self.queued_rows:
            raise overloaded()
        now = time.monotonic()
        future: asyncio.Future[list[Answer]] = self._loop.create_future()
        self._pending.append(_Entry(items, future, now + self._deadline_seconds, now))
        self.queued_rows += len(items)
        if not self._busy:
            self._busy = True
            # Two turns: one lets the other sockets that are readable now be read, the next runs.
            self._loop.call_soon(self._loop.call_soon, self._next)
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

    def _next(self) -> None:
        batch = self._take()
        if not batch:
            self._busy = False
        elif self._seconds < ON_LOOP_SECONDS:
            self._finish(batch, *self._run(batch))
            self._loop.call_soon(self._next)
        else:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="predict", daemon=True)
                self._worker.start()
            self._work_queue.put(batch)

    def _work(self) -> None:
        while (batch := self._work_queue.get()) is not None:
            self._running_since = time.monotonic()
            outcome, seconds = self._run(batch)
            self._running_since = None
            self._loop.call_soon_threadsafe(self._handed_back, batch, outcome, seconds)

    def _handed_back(self, batch: list[_Part[Item, Answer]], outcome: list[Sequence[Answer] | Exception], seconds: float) -> None:
        if ON_LOOP_SECONDS <= self._seconds < LINGER_ABOVE_SECONDS:
            self._next()
            self._finish(batch, outcome, seconds)
            return
        # A batch that runs on the loop is finished at once: it must not overtake this one, which may hold parts of the same request.
        self._finish(batch, outcome, seconds)
        if self._seconds < ON_LOOP_SECONDS:
            self._next()
            return
        self._wanted_rows = sum(len(items) for _, items in batch)
        self._linger = self._loop.call_later(LINGER_SHARE * self._seconds, self._end_linger)
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
        flat = [item for _, items in batch for item in items]
        outcome: list[Sequence[Answer] | Exception]
        try:
            answers = self._predict(flat)
            outcome, at = [], 0
            for _, items in batch:
                outcome.append(answers[at : at + len(items)])
                at += len(items)
        except Exception as error:  # noqa: BLE001 whatever the model raises belongs to the request that caused it
            outcome = [error] if len(batch) == 1 else [self._run([part])[0][0] for part in batch]
        return outcome, time.perf_counter() - started

    def _finish(self, batch: list[_Part[Item, Answer]], outcome: list[Sequence[Answer] | Exception], seconds: float) -> None:
        self._seconds += _SMOOTHING * (seconds - self._seconds)
        for (entry, _), result in zip(batch, outcome, strict=True):
            if entry.future.done():
                continue
            if isinstance(result, Exception):
                entry.future.set_exception(result)
                continue
            entry.answers.extend(result)
            if len(entry.answers) == len(entry.items):
                entry.future.set_result(entry.answers)
        if self._on_batch:
            oldest = min(entry.submitted for entry, _ in batch)
            rows = sum(len(items) for _, items in batch)
            self._on_batch(BatchReport(rows, len(batch), seconds, max(0.0, time.monotonic() - oldest - seconds)))
