"""What jobs print: one file per host, and the same lines in CloudWatch Logs under the names that the service uses."""

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients

if TYPE_CHECKING:
    from emulator.context import Context

SHIP_SECONDS = 1.0
_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 20
_EVENTS = 1000


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


class LogStream:
    """A log file that is copied to `/aws/sagemaker/GROUP`, stream `JOB/HOST-SECONDS`, as it grows."""

    def __init__(self, context: "Context", group: str, job: str, host: str) -> None:
        self._logs = context.part(CloudWatchLogs)
        self._path = log_file(context, group, job, host)
        self._names = {"logGroupName": f"/aws/sagemaker/{group}", "logStreamName": f"{job}/{host}-{int(time.time())}"}
        self._sent, self._made = 0, False

    def ship(self, everything: bool = False) -> None:
        """Send the lines that are new and whole; with `everything` also a last line without its end."""
        if not self._path.is_file() or self._path.stat().st_size == self._sent:
            return
        with self._path.open("rb") as file:
            file.seek(self._sent)
            content = file.read(None if everything else _CHUNK_BYTES)
        whole = len(content) if everything else content.rfind(b"\n") + 1
        self._sent += whole
        try:
            self._send([line for line in content[:whole].decode(errors="replace").splitlines() if line.strip()])
        except (ClientError, BotoCoreError) as error:  # the file has the lines still: no reason for a job to fail
            _log.warning("%s: %s", self._path, error)

    def _send(self, lines: list[str]) -> None:
        if lines and not self._made:
            self._logs.create(self._names)
            self._made = True
        for begin in range(0, len(lines), _EVENTS):
            self._logs.put(self._names, lines[begin : begin + _EVENTS])


class CloudWatchLogs:
    """The `logs` API of this emulator; `context.part(CloudWatchLogs)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        self._client: Any = context.part(Clients).get("logs")
        self._groups: set[str] = set()
        self._lock = threading.Lock()

    def create(self, names: dict[str, str]) -> None:
        """Make a stream, with its group where that is new."""
        group = names["logGroupName"]
        with self._lock:
            if group not in self._groups:
                self._quietly(self._client.create_log_group, logGroupName=group)
                self._groups.add(group)
        self._quietly(self._client.create_log_stream, **names)

    def put(self, names: dict[str, str], lines: list[str]) -> None:
        """Append lines, all at the present time."""
        now = int(time.time() * 1000)
        self._client.put_log_events(**names, logEvents=[{"timestamp": now, "message": line} for line in lines])

    def _quietly(self, call: Any, **names: str) -> None:
        try:
            call(**names)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise
