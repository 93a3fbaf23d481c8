"""What jobs print: one file per host, under the names that CloudWatch Logs uses."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.context import Context


def log_file(context: "Context", group: str, job: str, host: str) -> Path:
    """The file of one host's output: `home/logs/TrainingJobs/JOB/HOST.log`."""
    return context.home / "logs" / group / job / f"{host}.log"


def last_line(log: Path) -> str:
    """The last line with something on it; empty when there is none."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
