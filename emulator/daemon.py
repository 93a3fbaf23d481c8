"""Becoming the one process of a state folder: its lock, its port, its log, away from the terminal."""

from __future__ import annotations

import os
import socket

from emulator.home import Home

DEFAULT_PORT = 4599
EXIT_LOCKED = 75
EXIT_PORT_BUSY = 76


def listen(port: int | None, last_port: int | None = None) -> socket.socket | None:
    """A listening socket on 127.0.0.1 at the port asked for; without one at the last run's port, the default, or any free one.

    None when the port asked for is taken.
    """
    candidates = [port] if port is not None else [*filter(None, [last_port]), DEFAULT_PORT, 0]
    for candidate in candidates:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(1024)
        except OSError:
            listener.close()
            continue
        return listener
    return None


def leave_terminal(home: Home) -> bool:
    """Go on in a process of its own, whose output is the log. False in the calling process, True in the new one.

    Locks and sockets taken before go along, so that nobody can come in between. To be called before any thread is started.
    """
    if os.fork():
        return False
    os.setsid()
    log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    return True
