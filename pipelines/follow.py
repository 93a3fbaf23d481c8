"""Follows an execution to its end. Ending the client leaves the execution running."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pipelines import logs, snapshot
from pipelines.errors import ExecutionError
from pipelines.polling import pauses
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot

REMEDIES = {
    "exit code: 137": "; killed from outside or for want of memory: start `housing run` again",
    "No S3 objects found": "; if a cached step's data is gone, make it again: `HOUSING_CACHE_EXPIRY=PT1M housing run`",
}
"""What to do about reasons that the service words; a job's own reason names its remedy. 137 is 128 and SIGKILL."""


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
    remedy = next((text for sign, text in REMEDIES.items() if sign in reason), "")
    line = "" if remedy else logs.last_line(failed.job_kind, failed.job_name, settings)
    tail = f"; last log line: {line}" if line and line.removeprefix("failed: ") not in reason else remedy
    raise ExecutionError(f"{failed.name} failed: {reason}{tail}")
