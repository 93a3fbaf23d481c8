"""SIGTERM: SageMaker's notice before a Spot instance is taken or a job is stopped."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 128 + signal.SIGTERM
GRACE_SECONDS = 20.0
"""SageMaker kills 120 s after the notice; a shorter grace leaves time to upload the checkpoint folder."""


class Interrupted(BaseException):
    """The process was told to end. Like KeyboardInterrupt it passes `except Exception`."""


class _Order:
    """Whether this process has been told to end, and how many blocks hold the order back."""

    given = False
    held = 0


def ending() -> bool:
    """Whether the process has been told to end."""
    return _Order.given


@contextmanager
def deferring() -> Iterator[None]:
    """Hold an order to end back until the end of the block: what is inside looks at `ending()` often and stops at a good moment."""
    _Order.held += 1
    try:
        yield
    finally:
        _Order.held -= 1
    if _Order.given and not _Order.held:
        raise Interrupted


@contextmanager
def raise_on_termination(grace_seconds: float = GRACE_SECONDS) -> Iterator[None]:
    """Raise Interrupted in the main thread on SIGTERM, and end the process when that has no effect within the grace.

    Python runs a handler only between two bytecodes, so a long call into a native library would outlive the grace. The watching thread
    sees the signal at once through the wake-up descriptor. It may end the process anywhere: checkpoints are replaced atomically.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    finished = threading.Event()

    def watch() -> None:
        while signum := reader.recv(1):
            if signum[0] == signal.SIGTERM and not finished.wait(grace_seconds):
                os._exit(EXIT_INTERRUPTED)

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        _Order.given = True
        if not _Order.held:
            raise Interrupted

    _Order.given = False
    previous_handler = signal.signal(signal.SIGTERM, interrupt)
    previous_descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        _Order.given = False
        finished.set()
        signal.set_wakeup_fd(previous_descriptor)
        signal.signal(signal.SIGTERM, previous_handler)
        writer.close()
        watcher.join()
        reader.close()
