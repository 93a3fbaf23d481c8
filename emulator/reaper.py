"""Ends every process that an emulator started, once the emulator is gone. Run as a program it needs the standard library only.

It waits for the end of its standard input, whose other end the emulator holds: that comes however the emulator ends.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MARK = "EMULATOR_RUN"
_ROUNDS, _PAUSE_SECONDS = 50, 0.02


def kill_marked(mark: str) -> None:
    """SIGKILL every process of this user whose environment has `NAME=value` beginning with `mark`, until none is left."""
    for _ in range(_ROUNDS):
        pids = marked(mark)
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_PAUSE_SECONDS)


def marked(mark: str) -> list[int]:
    """The living processes whose environment has a variable that begins with `mark`."""
    wanted = b"\0" + mark.encode()
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit() and wanted in b"\0" + _environment(folder)]


def _environment(folder: Path) -> bytes:
    """The environment that a process was started with; empty for a zombie and for another user's."""
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def remove_labelled(label: str) -> None:
    """Remove every container with the label `NAME=value`, until none is left; one may just be coming up."""
    for _ in range(_ROUNDS):
        time.sleep(_PAUSE_SECONDS)
        words = ["docker", "ps", "--all", "--quiet", "--filter", f"label={label}"]
        names = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
        if not names:
            return
        subprocess.run(["docker", "rm", "--force", "--volumes", *names], capture_output=True, check=False)


if __name__ == "__main__":
    sys.stdin.read()
    kill_marked(sys.argv[1])
    if "docker" in sys.argv[2:]:
        remove_labelled(sys.argv[1])
