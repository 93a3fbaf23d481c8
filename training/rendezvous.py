"""Rendezvous: the hosts of a job find each other at one port of the first, and the first knows by name who is gone."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Iterable

from housing.errors import HousingError

JOIN_SECONDS = 3600
"""How long a host waits for the others: some get more work than others."""
HERE_SECONDS = 5
"""A host that waits asks again several times in this time."""
_PORTS = range(20_000, 30_000)


class LostHostError(HousingError):
    """A host of the job does not come, or no longer answers."""


def port_of(job: str) -> int:
    """Where the first host of a job listens: of its own, as on one computer several jobs share the addresses."""
    return _PORTS[zlib.crc32(job.encode()) % len(_PORTS)]


class Desk:
    """At the first host: once all are here, tells them the tracker's port, and holds the connections, which break when a host is gone.

    Earlier nobody may go to the tracker: there a host waits for the others no longer than in any call of the collective.
    """

    def __init__(self, address: tuple[str, int], told_port: int, others: Iterable[str]) -> None:
        self.lost: set[str] = set()
        self._asked = dict.fromkeys(others, float("-inf"))
        self._together = threading.Event()
        self._told = told_port
        self._server = socket.create_server(address)  # unlike the tracker it may follow at once on one that has just ended
        self._closing = False
        threading.Thread(target=self._serve, daemon=True).start()

    def wait(self) -> None:
        """Until all are here; LostHostError names who does not come."""
        if not self._together.wait(JOIN_SECONDS):
            raise LostHostError(f"host {', '.join(self._missing())}: does not come; check that it was started, and the network")

    def _missing(self) -> list[str]:
        return [name for name, asked in self._asked.items() if asked < time.monotonic() - HERE_SECONDS]

    def close(self) -> None:
        """Let nobody in any more."""
        self._closing = True
        self._server.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        with connection:
            try:
                name = connection.makefile("r").readline(256).strip()
                self._asked[name] = time.monotonic()
                if not self._together.is_set() and self._missing():
                    return
                self._together.set()
                connection.sendall(f"{self._told}\n".encode())
                while connection.recv(64):
                    pass
            except OSError:
                pass
            if not self._closing:
                self.lost.add(name)


def address_of(host: str) -> str:
    """The IPv4 address of a host; a name that is not known yet, as that of a pod that is still to come, is asked for again."""
    deadline = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > deadline:
                raise LostHostError(f"host {host}: nobody knows its address; check that it was started, and the names") from error
            time.sleep(0.2)


def ask(address: tuple[str, int], name: str) -> tuple[int, socket.socket]:
    """At the other hosts: the tracker's port, and the connection to hold. LostHostError when the first host does not answer."""
    deadline = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            connection = socket.create_connection(address, timeout=10)
            connection.sendall(f"{name}\n".encode())
            told = connection.makefile("r").readline(16)
            connection.settimeout(None)
            return int(told), connection
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise LostHostError(
                    f"host {address[0]}: does not answer at port {address[1]}; check the network between the hosts"
                ) from error
            time.sleep(0.2)
