"""The processes of a Train job and what each of them does: whole fits dealt out, or every fit shared by rows.

| `distribute` | engine | the answer |
| --- | --- | --- |
| `origins` | XGBoost's collective gathers what each host has made | the same bits for any number of hosts |
| `rows`, xgboost | XGBoost's collective inside each round | within a tolerance: each host samples its own rows |
| `rows`, neural | torchrun and DistributedDataParallel (gloo, or NCCL on GPUs) | the same but for the order of additions |
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from housing.members.peers import Peers, among
from training.choice import Choice
from training.cluster import Collective, Hosts, joined
from training.contract import Container
from training.rendezvous import JOIN_SECONDS, port_of


@dataclass(frozen=True)
class Team:
    """This process among those of the job."""

    hosts: Hosts
    shares_rows: bool
    leads: bool

    @property
    def keeps(self) -> bool:
        """Whether this process writes checkpoints: where all do the same work, one does."""
        return self.leads or not self.shares_rows

    @property
    def label(self) -> str:
        """Sets apart the checkpoints of hosts that do different work."""
        return "" if self.shares_rows or self.hosts.count == 1 else f"@{self.hosts.rank}"

    def joined(self) -> AbstractContextManager[Collective]:
        """Bring the hosts together, for as long as they exchange something: XGBoost shares every fit that it does meanwhile."""
        return joined(self.hosts, port_of(_job()))


@contextmanager
def teamed(container: Container, choice: Choice) -> Iterator[Team]:
    """What this process does in the job; processes that share rows are joined for the time of the block."""
    hosts = Hosts.read(container.resource_file)
    if choice.distribute == "rows" and "RANK" in os.environ:
        with _process_group(hosts) as peers, among(peers):
            yield Team(hosts, True, peers.rank == 0)
    elif choice.distribute == "rows" and hosts.count > 1:
        team = Team(hosts, True, hosts.leads)
        with team.joined() as collective, among(Peers(hosts.rank, hosts.count)):
            yield team
            collective.finish()
    else:
        yield Team(hosts, False, hosts.leads)


def torchrun(container: Container, choice: Choice, processes: int) -> list[str] | None:
    """How torchrun is called to run this job in `processes` processes on each host, None where one process does it, or does it already."""
    hosts = Hosts.read(container.resource_file)
    shared = choice.distribute == "rows" and choice.members == ("neural",) and hosts.count * processes > 1
    if not shared or "RANK" in os.environ:
        return None
    options = {
        "nnodes": hosts.count,
        "node-rank": hosts.rank,
        "nproc-per-node": processes,
        "master-addr": hosts.names[0],
        "master-port": port_of(_job()),
        "rdzv-conf": f"timeout={JOIN_SECONDS}",
    }
    return [*(f"--{name}={value}" for name, value in options.items()), "-m", "training.train"]


@contextmanager
def _process_group(hosts: Hosts) -> Iterator[Peers]:
    """The processes that torchrun has started, joined; LostHostError when another one is gone."""
    import torch
    from torch import distributed

    gpu = torch.cuda.is_available() and os.environ.get("HOUSING_DEVICE", "auto") != "cpu"
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        distributed.init_process_group("nccl" if gpu else "gloo")
        try:
            yield Peers(distributed.get_rank(), distributed.get_world_size())
        finally:
            distributed.destroy_process_group()
    except RuntimeError as error:
        if not of_peers(error):
            raise
        raise hosts.lost() from error


def of_peers(error: RuntimeError) -> bool:
    """Whether an error of torch says that another process does not answer, rather than that something is wrong here."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or "gloo/transport" in str(error)


def _job() -> str:
    return os.environ.get("TRAINING_JOB_NAME", "")
