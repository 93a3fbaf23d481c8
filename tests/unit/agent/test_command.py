"""What a command of a pod is given when the pod is told to end: time to save, and not more."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.command import Commands
from agent.faults import INTERRUPTED, AgentError

SAVES = """
import pathlib, signal, sys, time
def save(*_):
    time.sleep({seconds})
    pathlib.Path({saved!r}).write_text("whole")
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def told_to_end(commands: Commands, seconds: float, saved: Path, again: float | None = None) -> float:
    """Run a command that needs so long to save, tell this process to end once it is ready; returns how long it then took."""
    told: list[float] = []

    def tell(_line: str) -> None:
        told.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)
        if again is not None:
            threading.Timer(again, os.kill, (os.getpid(), signal.SIGTERM)).start()

    commands.listen()
    code = SAVES.format(seconds=seconds, saved=str(saved))
    with pytest.raises(AgentError) as caught:
        commands.run([sys.executable, "-c", code], saved.parent, heard=tell)
    assert caught.value.status == INTERRUPTED
    return time.monotonic() - told[0]


def test_a_command_has_longer_to_save_than_its_files_are_apart(tmp_path: Path) -> None:
    """It saves for ten of the intervals at which its checkpoints are copied out."""
    told_to_end(Commands(every_seconds=0.1, kill_seconds=30), 1.0, tmp_path / "saved")
    assert (tmp_path / "saved").read_text() == "whole"


def test_a_command_that_does_not_end_is_killed_after_its_grace_however_often_it_is_told(tmp_path: Path) -> None:
    took = told_to_end(Commands(every_seconds=0.1, kill_seconds=0.5), 50, tmp_path / "saved", again=0.3)
    assert 0.5 < took < 10
    assert not (tmp_path / "saved").exists()
