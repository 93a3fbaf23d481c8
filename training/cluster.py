"""The hosts of a job: resourceconfig.json says who they are, XGBoost's tracker and collective bring them together.

Everything is moved by one collective operation, the sum of an array over the hosts; a gathering is a sum of arrays that are zero but in the
place of their own host. Each host counts what it sent.
"""

from __future__ import annotations

import json
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from housing.errors import HousingError, SettingsError

_PORTS = range(20_000, 30_000)
JOIN_SECONDS = 300
LOST_SECONDS = 60
"""A collective call in which a host does not take part for so long ends the job."""


class LostHostError(HousingError):
    """A host of the job no longer answers."""


@dataclass(frozen=True)
class Hosts:
    """All hosts by name, in the order that every one of them knows, and which of them this is."""

    names: tuple[str, ...]
    current: str

    @property
    def rank(self) -> int:
        return self.names.index(self.current)

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def leads(self) -> bool:
        """Whether this host writes what all have made."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """The positions of a list of that length that are this host's: every so many, from its own rank on."""
        return range(self.rank, count, self.count)

    @classmethod
    def read(cls, *files: Path) -> Hosts:
        """From the first resourceconfig.json that is there; one host where none is. SettingsError when it is malformed."""
        path = next((file for file in files if file.is_file()), None)
        if path is None:
            return cls(("algo-1",), "algo-1")
        try:
            content = json.loads(path.read_text())
            hosts = cls(tuple(sorted(map(str, content["hosts"]))), str(content["current_host"]))
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path.name}: {error!r}; SageMaker writes `hosts` and `current_host`") from error
        if hosts.current not in hosts.names:
            raise SettingsError(f"{path.name}: current_host {hosts.current!r} is not among hosts")
        return hosts


@dataclass
class Traffic:
    """What this host has sent: collective calls, and their bytes."""

    calls: int = 0
    sent_bytes: int = 0


class Collective:
    """The hosts, joined. With one host every call returns at once."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts, self.traffic = hosts, Traffic()

    def sum(self, array: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The sum over the hosts; LostHostError when one does not take part."""
        if self.hosts.count == 1:
            return array
        from xgboost import collective
        from xgboost.core import XGBoostError

        self.traffic.calls += 1
        self.traffic.sent_bytes += array.nbytes
        try:
            return np.asarray(collective.allreduce(array, collective.Op.SUM))
        except XGBoostError as error:
            lost = _lost(self.hosts)
            raise LostHostError(f"host {lost}: no longer answers; the next start goes on from the checkpoints") from error

    def gather(self, content: bytes) -> list[bytes]:
        """What every host gives, in the order of the hosts."""
        count, rank = self.hosts.count, self.hosts.rank
        if count == 1:
            return [content]
        lengths = np.zeros(count, dtype=np.int64)
        lengths[rank] = len(content)
        lengths = self.sum(lengths)
        words = -(-int(lengths.max()) // 8)
        table = np.zeros((count, words), dtype=np.int64)
        table[rank].view(np.uint8)[: len(content)] = np.frombuffer(content, dtype=np.uint8)
        table = self.sum(table.ravel()).reshape(count, words)
        return [table[index].view(np.uint8)[: lengths[index]].tobytes() for index in range(count)]


@contextmanager
def joined(hosts: Hosts, port: int) -> Iterator[Collective]:
    """Join the other hosts; the first one runs the tracker. LostHostError names a host that does not come."""
    if hosts.count == 1:
        yield Collective(hosts)
        return
    from xgboost import collective
    from xgboost.tracker import RabitTracker

    tracker = None
    if hosts.leads:
        tracker = RabitTracker(hosts.count, socket.gethostbyname(hosts.current), port, sortby="task", timeout=JOIN_SECONDS)
        tracker.start()
    leader = hosts.names[0]
    _wait(leader, port)
    arguments: dict[str, str | int | None] = {
        "dmlc_communicator": "rabit",
        "dmlc_tracker_uri": socket.gethostbyname(leader),
        "dmlc_tracker_port": port,
        "dmlc_task_id": f"{hosts.rank:04d}",
        "dmlc_timeout": LOST_SECONDS,
        "dmlc_retry": 3,
    }
    with collective.CommunicatorContext(**arguments):
        yield Collective(hosts)
    if tracker is not None:
        tracker.wait_for(JOIN_SECONDS)


def port_of(job: str) -> int:
    """Where the first host of a job listens: of its own, as on one computer several jobs share the addresses."""
    return _PORTS[zlib.crc32(job.encode()) % len(_PORTS)]


def _wait(leader: str, port: int) -> None:
    """Until something listens there. No connection is made: the tracker would take it for a host."""
    deadline = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            socket.getaddrinfo(leader, port)
        except OSError as error:
            if time.monotonic() > deadline:
                raise LostHostError(f"host {leader}: has no address; check the network of the job") from error
            time.sleep(0.2)
        else:
            return


def _lost(hosts: Hosts) -> str:
    """The hosts that can no longer be reached, by name where a connection says so."""
    others = [name for name in hosts.names if name != hosts.current]
    return others[0] if len(others) == 1 else f"one of {', '.join(others)}"
