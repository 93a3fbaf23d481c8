"""Parallel: one training run in several processes, each on its part of every batch (DistributedDataParallel over gloo or NCCL)."""

from __future__ import annotations

from torch import Tensor, nn

from housing.errors import SettingsError
from housing.members.neural.network import Parameters, quantiles
from housing.members.peers import Peers


class Networks(nn.Module):
    """The networks as a module, whose parameters are the given tensors themselves."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self._names = {name.replace(".", "_"): name for name in parameters}
        for own, name in self._names.items():
            value = parameters[name]
            self.register_parameter(own, value if isinstance(value, nn.Parameter) else nn.Parameter(value))

    def forward(self, inputs: Tensor, masks: list[Tensor]) -> Tensor:
        """Quantiles (K, R, 9) of inputs (K, R, I)."""
        return quantiles({name: getattr(self, own) for own, name in self._names.items()}, inputs, masks)


def shared(parameters: Parameters, peers: Peers, batch: int) -> nn.Module:
    """The networks, whose gradients are averaged over the peers. SettingsError when a batch can't be shared out evenly."""
    networks = Networks(parameters)
    if peers.count == 1:
        return networks
    if batch % peers.count:
        raise SettingsError(f"batch {batch}: is not a multiple of the {peers.count} processes that share it; choose one that is")
    device = next(iter(parameters.values())).device
    return nn.parallel.DistributedDataParallel(networks, device_ids=[device.index] if device.type == "cuda" else None)


def part(rows: Tensor, peers: Peers) -> Tensor:
    """This process's part of (K, B, ...)."""
    return rows[:, peers.rows].contiguous() if peers.count > 1 else rows


def compiled(networks: nn.Module) -> nn.Module:
    """The same networks through torch.compile, which needs a compiler on the machine."""
    networks.compile()
    return networks
