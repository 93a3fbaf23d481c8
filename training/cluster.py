"""The hosts of a job: resourceconfig.json says who they are, XGBoost's tracker and collective bring them together.

Everything is moved by one collective operation, the sum of an array over the hosts; a gathering is a sum of arrays that are zero but in the
place of their own host. Each host counts what it sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from housing.errors import SettingsError
from training.log import say
from training.rendezvous import JOIN_SECONDS, Desk, LostHostError, address_of, ask

LOST_SECONDS = 60
"""A collective call in which a host does not take part for so long ends the job."""
RETRIES = 3
"""Of a connection to the tracker; each waits longer than the one before."""


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

    def lost(self, names: Sequence[str] = ()) -> LostHostError:
        """The error that says which of the others are gone, as far as that is known."""
        others = [name for name in self.names if name != self.current]
        who = ", ".join(names or others) if names or len(others) == 1 else f"one of {', '.join(others)}"
        return LostHostError(f"host {who}: no longer answers; the next start goes on from the checkpoints")

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

    def __init__(self, hosts: Hosts, desk: Desk | None = None) -> None:
        self.hosts, self.traffic, self._desk = hosts, Traffic(), desk

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
            raise self.hosts.lost(sorted(self._desk.lost) if self._desk else []) from error

    def finish(self) -> None:
        """Wait until every host is here, and say what this one has sent."""
        self.sum(np.zeros(1, dtype=np.int64))
        say(f"host {self.hosts.current}: {self.traffic.calls} collective calls, {self.traffic.sent_bytes} bytes sent")

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


def of_others(error: Exception) -> bool:
    """Whether an XGBoostError says that the other hosts do not answer, rather than that something is wrong here."""
    return "/collective/" in str(error).partition("\n")[0]


@contextmanager
def joined(hosts: Hosts, port: int) -> Iterator[Collective]:
    """Join the other hosts; the first one runs the tracker. LostHostError names a host that does not come, or is gone inside."""
    if hosts.count == 1:
        yield Collective(hosts)
        return
    from xgboost import collective
    from xgboost.core import XGBoostError
    from xgboost.tracker import RabitTracker

    tracker, desk, connection = None, None, None
    if hosts.leads:
        leader = address_of(hosts.current)
        tracker = RabitTracker(hosts.count, leader, sortby="task", timeout=JOIN_SECONDS)
        tracker.start()
        tracker_port = int(tracker.worker_args()["dmlc_tracker_port"])
        desk = Desk((leader, port), tracker_port, hosts.names[1:])
    else:
        tracker_port, connection = ask((hosts.names[0], port), hosts.current)
        leader = str(connection.getpeername()[0])
    try:
        if desk is not None:
            desk.wait()
        with collective.CommunicatorContext(**_arguments(hosts, leader, tracker_port)):
            yield Collective(hosts, desk)
        if tracker is not None:
            tracker.wait_for(LOST_SECONDS)
    except XGBoostError as error:
        if not of_others(error):
            raise
        raise hosts.lost(sorted(desk.lost) if desk else []) from error
    finally:
        if desk is not None:
            desk.close()
        if connection is not None:
            connection.close()


def _arguments(hosts: Hosts, tracker: str, tracker_port: int) -> dict[str, str | int | None]:
    return {
        "dmlc_communicator": "rabit",
        "dmlc_tracker_uri": tracker,
        "dmlc_tracker_port": tracker_port,
        "dmlc_task_id": f"{hosts.rank:04d}",
        "dmlc_timeout": LOST_SECONDS,
        "dmlc_retry": RETRIES,
    }
