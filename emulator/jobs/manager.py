"""Running jobs: one thread each, told to stop through a mailbox, never more than one per name."""

import logging
import queue
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.operations import at_start

if TYPE_CHECKING:
    from emulator.context import Context

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stop:
    """The message that a job shall stop."""


@dataclass(frozen=True)
class Exited:
    """The message that the process of a host has ended."""

    host: str
    status: int


@dataclass(frozen=True)
class Reclaimed:
    """The message that the job's Spot instance is taken away."""


Message = Stop | Exited | Reclaimed


@dataclass
class Job:
    """One running job and its record; `interrupt` is called when it is told to stop."""

    context: "Context"
    kind: str
    name: str
    mailbox: "queue.Queue[Message]" = field(default_factory=queue.Queue)
    stopping: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    interrupt: Callable[[], None] | None = None

    def update(self, fields: Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Merge fields into the job's record; not when the emulator ends: the next start says then what became of the job."""
        if not self.context.closing.is_set():
            self.context.store.update(self.kind, self.name, fields)

    def record(self) -> dict[str, Any]:
        """The job's record as it is now."""
        return self.context.store.get(self.kind, self.name) or {}

    def clear(self) -> None:
        """Forget the messages that have not been read; that it shall stop is not forgotten."""
        while not self.mailbox.empty():
            self.mailbox.get_nowait()

    def stop(self) -> None:
        """Tell the job to stop."""
        if not self.stopping.is_set():
            self.stopping.set()
            self.mailbox.put(Stop())
            if self.interrupt is not None:
                self.interrupt()


@at_start
def clear_leftovers(context: "Context") -> None:
    """Remove what the jobs of a crashed emulator left of their files; their logs stay."""
    shutil.rmtree(context.home / "jobs", ignore_errors=True)


class Jobs:
    """The running jobs of one emulator; `context.part(Jobs)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._running: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, name: str, work: Callable[[Job], None]) -> None:
        """Run `work(job)` in a thread; `work` writes the job's end to its record and does not raise for what a job can do wrong."""
        job = Job(self._context, kind, name)
        with self._lock:
            self._running[kind, name] = job
        threading.Thread(target=self._run, args=(job, work), name=f"{kind}-{name}", daemon=True).start()

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        try:
            work(job)
        except Exception:
            _log.exception("%s %s", job.kind, job.name)
            raise
        finally:
            with self._lock:
                self._running.pop((job.kind, job.name), None)
            job.done.set()

    def stop(self, kind: str, name: str) -> bool:
        """Tell a job to stop; False when it doesn't run."""
        with self._lock:
            job = self._running.get((kind, name))
        if job is not None:
            job.stop()
        return job is not None

    def send(self, kind: str, name: str, message: Message) -> bool:
        """Send a running job a message; False when it doesn't run."""
        with self._lock:
            job = self._running.get((kind, name))
        if job is not None:
            job.mailbox.put(message)
        return job is not None

    def wait(self, kind: str, name: str, timeout_seconds: float | None = None) -> bool:
        """Wait for a job's end; True when it doesn't run (any more)."""
        with self._lock:
            job = self._running.get((kind, name))
        return job is None or job.done.wait(timeout_seconds)

    def close(self) -> None:
        """End every job's processes; what is left of them dies with the emulator."""
        with self._lock:
            jobs = list(self._running.values())
        for job in jobs:
            job.stop()
