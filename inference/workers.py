"""Several worker processes behind one socket: one per core with the model's memory shared, or one per GPU.

The parent loads the model once and forks, so that the pages of the model exist once whatever the number of workers; with GPUs each worker
loads its own, since CUDA does not survive a fork. Meanwhile a child that knows nothing answers /ping with 503. The workers start to accept
together, when all of them are warm and that child has gone: no request meets one that is not ready. A worker that ends by itself is
replaced a few times; after that the server ends with status 1 and the platform starts the container anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESTARTS = 3
RESTART_SECONDS = 300.0
"""More than `RESTARTS` deaths in this time end the server."""

_PARENT_DEATH_SIGNAL = 1

Say = Callable[[str], None]
"""Called once by a worker: with the empty word when it is warm, with the reason when it can't be. Returns when it may accept."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """One worker: its number and what it changes in the environment, e.g. which GPU is the visible one."""

    number: int
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class _Running:
    part: Part
    news: int
    go: int


class Workers:
    """The parent of the workers.

    Parameters
    ----------
    parts : one per worker.
    wait : what the child that waits does until SIGTERM; it is given the end of a pipe on which a failure is told to it.
    work : what a worker does; it is given its part, `Say`, and the folder for its socket, and returns its exit status.
    failure_seconds : how long a failure is still told by /ping.
    log : one line for the log.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        wait: Callable[[int], int],
        work: Callable[[Part, Say, Path], int],
        failure_seconds: float,
        log: Log,
    ) -> None:
        self._parts, self._wait, self._work = parts, wait, work
        self._failure_seconds, self._log = failure_seconds, log
        self._folder = Path(tempfile.mkdtemp(prefix="housing-serve-"))
        self._children: dict[int, _Running] = {}
        self._deaths: list[float] = []
        self._waiting: int | None = None
        self._ending = False

    def run(self, prepare: Callable[[], str]) -> int:
        """Serve until SIGTERM or SIGINT; the exit status. `prepare` is done before the fork and returns why it failed, or nothing."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        reading, telling = os.pipe()
        self._waiting = self._fork(lambda: self._wait(reading), ())
        os.close(reading)
        try:
            reason = prepare() or self._begin()
            if reason and not self._ending:
                with contextlib.suppress(BrokenPipeError):
                    os.write(telling, reason.encode())
                time.sleep(self._failure_seconds)
            self._end_waiting()
            if reason or self._ending:
                self._stop()
                return 0 if self._ending else 1
            for child in self._children.values():
                os.write(child.go, b"g")
            return self._supervise()
        finally:
            os.close(telling)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self) -> str:
        """Fork all workers and wait until they are warm; the reason of the first that is not."""
        for part in self._parts:
            self._start(part)
        return next((reason for child in self._children.values() if (reason := _news(child))), "")

    def _start(self, part: Part) -> _Running:
        news, say = os.pipe()
        may, go = os.pipe()

        def tell(reason: str) -> None:
            os.write(say, (reason or "\n").encode())
            os.close(say)
            os.read(may, 1)
            os.close(may)

        def work() -> int:
            os.environ |= part.environment
            return self._work(part, tell, self._folder)

        pid = self._fork(work, (news, go))
        os.close(say)
        os.close(may)
        self._children[pid] = _Running(part, news, go)
        return self._children[pid]

    def _fork(self, do: Callable[[], int], closed: Sequence[int]) -> int:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
            for one in closed:
                os.close(one)
            status = do()
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _supervise(self) -> int:
        """Until the last worker has ended; replaces those that end by themselves."""
        status = 0
        while self._children:
            pid, code = os.waitpid(-1, 0)
            child = self._children.pop(pid, None)
            if child is None:
                continue
            if self._ending:
                status = status or (1 if os.waitstatus_to_exitcode(code) else 0)
            elif self._may_restart():
                self._log(f"worker {child.part.number} ended with status {os.waitstatus_to_exitcode(code)}: it is replaced")
                new = self._start(child.part)
                if reason := _news(new):
                    self._log(f"worker {child.part.number}: {reason}")
                with contextlib.suppress(BrokenPipeError):
                    os.write(new.go, b"g")
            else:
                self._log(f"worker {child.part.number} ended again: the server ends, so that the container is started anew")
                status = 1
                self._stop()
        return status

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < RESTART_SECONDS] + [now]
        return len(self._deaths) <= RESTARTS

    def _end(self) -> None:
        self._ending = True
        if not self._children:
            # The model is still being loaded, which can take longer than the time there is.
            self._end_waiting()
            shutil.rmtree(self._folder, ignore_errors=True)
            os._exit(0)
        for pid in (*self._children, *((self._waiting,) if self._waiting else ())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _end_waiting(self) -> None:
        if self._waiting is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._waiting, signal.SIGTERM)
            os.waitpid(self._waiting, 0)
            self._waiting = None

    def _stop(self) -> None:
        """End all workers and wait for them."""
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid in list(self._children):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._children.clear()


def _news(child: _Running) -> str:
    """What a worker says of itself: nothing when it is warm, else why not."""
    said = b""
    while not said.endswith(b"\n") and (chunk := _read(child.news)):
        said += chunk
    os.close(child.news)
    return "" if said == b"\n" else said.decode().strip() or "a worker ended while it was starting; the log says more"


def _read(descriptor: int) -> bytes:
    select.select([descriptor], [], [])
    return os.read(descriptor, 4096)
