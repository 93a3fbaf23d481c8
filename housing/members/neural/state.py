"""State: a training run as plain arrays, from which it goes on to the same bits: parameters, moments, generator, steps done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from housing.members.watch import State

if TYPE_CHECKING:
    from housing.members.neural.training import Training


def to_arrays(training: Training) -> dict[str, npt.NDArray[Any]]:
    """A copy of the whole state; the learning rate follows from the steps done, the order of the rows from the generator."""
    state = training.state()
    arrays = {f"parameter/{name}": value.cpu().numpy() for name, value in state["parameters"].items()}
    for index, moments in state["optimizer"]["state"].items():
        arrays |= {f"optimizer/{index}/{name}": np.asarray(value.cpu().numpy()) for name, value in moments.items()}
    return arrays | {"generator": state["generator"].cpu().numpy()}


def from_arrays(training: Training, arrays: State, done: int) -> None:
    """Put a fresh run into the state that `to_arrays` took after `done` steps."""
    device = next(iter(training.parameters.values())).device
    optimizer = training.optimizer.state_dict()
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in arrays.items():
        kind, _, rest = key.partition("/")
        if kind == "optimizer":
            index, _, name = rest.partition("/")
            moments.setdefault(int(index), {})[name] = torch.from_numpy(np.array(value))
    parameters = {name: torch.from_numpy(np.array(arrays[f"parameter/{name}"])).to(device) for name in training.parameters}
    generator = torch.from_numpy(np.array(arrays["generator"]))
    training.restore({"parameters": parameters, "optimizer": optimizer | {"state": moments}, "generator": generator, "done": done})
