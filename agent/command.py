"""One command of the container, run to its end: an order to end is passed on, and what it keeps is copied out meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from agent.faults import INTERRUPTED, AgentError, say

KILL_SECONDS = 45
"""A command that was told to end and has not after this is killed; the job's own grace is 20 s, a pod's 110."""

_LISTEN_SECONDS = 5
"""A process that the command left behind may hold its output open; the pod does not wait for it."""


class Commands:
    """The commands of one pod, one after the other; SIGTERM is theirs from `listen` on."""

    def __init__(self, every_seconds: float = 5.0, kill_seconds: float = KILL_SECONDS) -> None:
        self._every_seconds, self._kill_seconds = every_seconds, kill_seconds
        self._running: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._kill_at = 0.0

    def listen(self) -> None:
        """Hear the order to end."""
        signal.signal(signal.SIGTERM, self._end)

    def run(
        self,
        command: Sequence[str],
        root: Path,
        meanwhile: Callable[[], None] = lambda: None,
        heard: Callable[[str], None] = lambda _: None,
        **environment: str,
    ) -> None:
        """Run a command whose /opt/ml is `root`, calling `meanwhile` every few seconds and once more at its end.

        `heard` gets each line of its output, which goes to the log too.
        Errors: AgentError with the command's own status (143 for one that was interrupted) and its `output/failure`.
        """
        self.check()
        env = os.environ | environment | {"SAGEMAKER_BASE_DIR": str(root)}
        self._running = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
        listener = threading.Thread(target=_listen, args=(self._running, heard), daemon=True)
        listener.start()
        if self._ending.is_set():  # the order came between the two lines above
            self._running.terminate()
        try:
            status = self._wait(self._running, meanwhile)
        finally:
            self._running.kill()
            self._running.wait()
            self._running = None
            listener.join(_LISTEN_SECONDS)
        if not status:
            meanwhile()
            return
        _tolerant(meanwhile)
        raise AgentError(_reason(command, root, status), INTERRUPTED if self._ending.is_set() else status)

    def check(self) -> None:
        """AgentError when the pod has been told to end."""
        if self._ending.is_set():
            raise AgentError("interrupted: finished work is in S3, the next start goes on from there", INTERRUPTED)

    def _wait(self, process: subprocess.Popen[bytes], meanwhile: Callable[[], None]) -> int:
        while True:
            try:
                status = process.wait(self._every_seconds)
            except subprocess.TimeoutExpired:
                if self._ending.is_set() and time.monotonic() > self._kill_at:
                    process.kill()
                _tolerant(meanwhile)
                continue
            return status if status >= 0 else 128 - status

    def _end(self, _signum: int, _frame: FrameType | None) -> None:
        if not self._ending.is_set():
            self._kill_at = time.monotonic() + self._kill_seconds
            self._ending.set()
        if self._running is not None:
            self._running.terminate()


def _listen(process: subprocess.Popen[bytes], heard: Callable[[str], None]) -> None:
    """Pass the output on, line by line."""
    for line in process.stdout or ():
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        heard(line.decode(errors="replace"))


def _tolerant(meanwhile: Callable[[], None]) -> None:
    """What cannot be copied out now is copied out next time; the work goes on."""
    try:
        meanwhile()
    except AgentError as error:
        say(f"note: {error}")


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of the image."""
    return [sys.executable, "-m", module, *arguments]


def _reason(command: Sequence[str], root: Path, status: int) -> str:
    for name in ("failure", "message"):
        path = root / "output" / name
        if path.is_file():
            return path.read_text(errors="replace")
    return f"{' '.join(command[1:3])}: exit status {status}"
