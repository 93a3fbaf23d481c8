"""Follows an execution to its end. Ending the client leaves the execution running."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pipelines import logs, snapshot
from pipelines.errors import ExecutionError
from pipelines.polling import pauses
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot

KILLED = "exit code: 137"
"""128 and SIGKILL: what a reason says of a container that had no time to give its own."""


def follow(execution_arn: str, settings: Settings) -> Iterator[Snapshot]:
    """Snapshots until the execution has finished, the last one included; the pause between them grows to five seconds."""
    for pause in pauses(first_seconds=0.5, last_seconds=5.0, growth=1.15):
        current = snapshot.take(execution_arn, settings)
        yield current
        if current.finished:
            return
        time.sleep(pause)


def require_success(final: Snapshot, settings: Settings) -> None:
    """ExecutionError with the step, its reason and its last log line, unless the execution succeeded."""
    if final.status == "Succeeded":
        return
    failed = next((step for step in final.steps if step.status == "Failed"), None)
    if failed is None:
        raise ExecutionError(f"execution {final.status.lower()}: {final.reason or 'it was stopped; start it again with `housing run`'}")
    reason = failed.reason or final.reason
    if KILLED in reason:
        raise ExecutionError(f"{failed.name} failed: {reason}; killed from outside or for want of memory: start `housing run` again")
    line = logs.last_line(failed.job_kind, failed.job_name, settings)
    tail = f"; last log line: {line}" if line and line.removeprefix("failed: ") not in reason else ""
    raise ExecutionError(f"{failed.name} failed: {reason}{tail}")
