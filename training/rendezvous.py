"""Rendezvous: the hosts of a job find each other at one port of the first, and the first knows by name who is gone."""

from __future__ import annotations

import socket
import threading
import time
import zlib

from housing.errors import HousingError

JOIN_SECONDS = 3600
"""How long a host waits for the others: some get more work than others."""
_PORTS = range(20_000, 30_000)


class LostHostError(HousingError):
    """A host of the job does not come, or no longer answers."""


def port_of(job: str) -> int:
    """Where the first host of a job listens: of its own, as on one computer several jobs share the addresses."""
    return _PORTS[zlib.crc32(job.encode()) % len(_PORTS)]


class Desk:
    """At the first host: tells whoever comes the tracker's port, and holds the connection, which breaks when the host is gone."""

    def __init__(self, address: tuple[str, int], told_port: int) -> None:
        self.lost: set[str] = set()
        self._told = told_port
        self._server = socket.create_server(address)  # unlike the tracker it may follow at once on one that has just ended
        self._closing = False
        threading.Thread(target=self._serve, daemon=True).start()

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
