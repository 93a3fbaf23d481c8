"""The processes of a job's hosts, watched together until all have ended."""

import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from emulator.jobs.manager import Exited, Job, Reclaimed
from emulator.processes import Command, Processes, RunningProcess

_PEER_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """How the processes ended.

    Parameters
    ----------
    status
        The exit status of the first host that failed, else 0.
    host
        That host, else the first.
    stopped
        The job was told to stop.
    timed_out
        The job ran into its time limit.
    reclaimed
        Its Spot instance was taken away.
    """

    status: int
    host: str
    stopped: bool
    timed_out: bool
    reclaimed: bool

    @property
    def cut_short(self) -> bool:
        """Whether it did not end by itself."""
        return self.stopped or self.timed_out or self.reclaimed


def run_hosts(job: Job, commands: Mapping[str, Command], max_seconds: float, tick_seconds: float, tick: Callable[[], None]) -> Outcome:
    """Run one command per host to its end.

    When one fails, the others are stopped. At `max_seconds`, and when the job is told to stop or loses its instance, all get SIGTERM and,
    after the context's grace, SIGKILL. `tick` is called about every `tick_seconds` meanwhile. No process is left.
    """
    processes: dict[str, RunningProcess] = {}
    try:
        for host, command in commands.items():
            processes[host] = job.context.part(Processes).start(command)
            processes[host].when_done(partial(_tell, job, host))
        return _watch(job, processes, time.monotonic() + max_seconds, tick_seconds, tick)
    finally:
        for process in processes.values():
            process.kill()


def _tell(job: Job, host: str, status: int) -> None:
    job.mailbox.put(Exited(host, status))


def _watch(job: Job, processes: Mapping[str, RunningProcess], deadline: float, tick_seconds: float, tick: Callable[[], None]) -> Outcome:
    left, failed, timed_out, reclaimed, kill_at = set(processes), None, False, False, None
    while left:
        limit = deadline if kill_at is None else kill_at
        message = _next_message(job, min(limit - time.monotonic(), tick_seconds))
        if isinstance(message, Exited):
            left.discard(message.host)
            failed = failed or (message if message.status else None)
        now = time.monotonic()
        reclaimed = reclaimed or isinstance(message, Reclaimed)
        timed_out = timed_out or (kill_at is None and now >= deadline and bool(left))
        if kill_at is None and left and (timed_out or failed or reclaimed or job.stopping.is_set()):
            kill_at = now + (_PEER_GRACE_SECONDS if failed else job.context.stop_grace_seconds)
            for host in left:
                processes[host].terminate()
        elif kill_at is not None and now >= kill_at:
            for host in left:
                processes[host].kill()
        tick()
    first = failed or Exited(next(iter(processes)), 0)
    return Outcome(first.status, first.host, job.stopping.is_set(), timed_out, reclaimed)


def _next_message(job: Job, timeout_seconds: float) -> object:
    try:
        return job.mailbox.get(timeout=max(timeout_seconds, 0.01))
    except queue.Empty:
        return None
