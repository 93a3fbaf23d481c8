"""Processes that stand for containers: each in a session of its own, none of which outlives the emulator.

Every process carries the run's mark in its environment. A reaper, a small process that waits for the emulator's end, kills whatever
carries the mark: also grandchildren in sessions of their own, and also when the emulator is killed.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emulator import reaper

if TYPE_CHECKING:
    from emulator.context import Context


@dataclass(frozen=True)
class Command:
    """What to run: program and arguments, its whole environment, working directory, and the file that its output is appended to.

    `removal` is a command that takes away what the process itself does not end with: a container that it only talks to.
    """

    words: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    log: Path
    removal: Sequence[str] = ()


class RunningProcess:
    """One started command with its descendants."""

    def __init__(self, popen: subprocess.Popen[bytes], mark: str, removal: Sequence[str] = ()) -> None:
        self._popen, self._mark, self._removal = popen, mark, list(removal)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self._popen.pid

    def wait(self, timeout_seconds: float | None = None) -> int | None:
        """The exit status (negative: the signal that ended it), or None when `timeout_seconds` have passed."""
        try:
            return self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def when_done(self, tell: Callable[[int], object]) -> None:
        """Call `tell(exit status)` from a thread of its own once the command has ended."""
        threading.Thread(target=lambda: tell(self._popen.wait()), name=f"wait-{self.pid}", daemon=True).start()

    def terminate(self) -> None:
        """Ask the command to end: SIGTERM to it alone, as a container's first process gets it, and not to what it started."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the command and every descendant, at once."""
        if self._popen.returncode is None:  # once collected, its id may be another's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        reaper.kill_marked(self._mark)
        if self._removal:  # it fails for a container that is gone already
            subprocess.run(self._removal, check=False, capture_output=True)

    def stop(self, grace_seconds: float) -> int:
        """SIGTERM, up to `grace_seconds` to leave, then SIGKILL; returns the exit status. No descendant is left."""
        self.terminate()
        self.wait(grace_seconds)
        self.kill()
        return int(self._popen.returncode)


class Processes:
    """Starts processes for one emulator; `context.part(Processes)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        self._mark = f"{reaper.MARK}={secrets.token_hex(8)}"
        self._docker = context.sandbox == "docker"
        # a session of its own: a Ctrl-C at the terminal must not end the reaper before its work
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__, self._mark, *(["docker"] if context.sandbox == "docker" else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd=context.home,
        )

    @property
    def mark(self) -> str:
        """`NAME=VALUE` of this run: the beginning of a variable of its processes, and a label of its containers."""
        return self._mark

    def start(self, command: Command) -> RunningProcess:
        """Start a command, detached from the terminal, with the run's mark added to its environment.

        Raises
        ------
        OSError
            When the program can't be started.
        """
        mark = f"{self._mark}.{secrets.token_hex(4)}"
        name, _, value = mark.partition("=")
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            popen = subprocess.Popen(
                list(command.words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=command.folder,
                env={**command.env, name: value},
                start_new_session=True,
            )
        return RunningProcess(popen, mark, command.removal)

    def close(self) -> None:
        """Kill everything that was started here and let the reaper end."""
        reaper.kill_marked(self._mark)
        if self._docker:
            reaper.remove_labelled(self._mark)
        if self._reaper.stdin:
            self._reaper.stdin.close()
        self._reaper.wait()
