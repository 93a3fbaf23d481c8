"""Training: AdamW on a cosine schedule over weighted rows; its whole state is in one object."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from housing.members.neural.network import Parameters, Shape, initial_parameters, pinball
from housing.members.neural.parallel import Networks, compiled, part, shared
from housing.members.neural.state import from_arrays, to_arrays
from housing.members.peers import Peers
from housing.members.peers import current as current_peers
from housing.members.watch import current

_ALONE = Peers()


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: steps of `batch` rows, the highest learning rate, decay of the weights, dropout."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    input_dropout: float
    dropout: float
    warmup: float = 0.1

    def rate(self, step: int) -> float:
        """Learning rate at a step: up linearly over the warm-up, then down a half cosine."""
        begin = self.warmup * self.steps
        if step < begin:
            return self.learning_rate * (step + 1) / begin
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - begin) / max(1.0, self.steps - begin)))


@dataclass(frozen=True)
class Rows:
    """Training rows on one device: inputs (R, I), targets (R,), weights (R,) of mean 1."""

    inputs: Tensor
    target: Tensor
    weight: Tensor


@dataclass
class Training:
    """State of a training run: parameters, optimizer, generator and the steps done determine all that follows."""

    shape: Shape
    schedule: Schedule
    parameters: Parameters
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    done: int = field(default=0)
    compiled: bool = field(default=False)
    networks: torch.nn.Module | None = field(default=None)

    @classmethod
    def begin(cls, shape: Shape, schedule: Schedule, seed: int, device: torch.device) -> Training:
        """Fresh state. Parameters are drawn on the CPU, so that they are the same on every device."""
        drawn = initial_parameters(shape, torch.Generator().manual_seed(seed))
        parameters: Parameters = {name: torch.nn.Parameter(value.to(device)) for name, value in drawn.items()}
        matrices = [value for name, value in parameters.items() if not name.endswith(".bias")]
        biases = [value for name, value in parameters.items() if name.endswith(".bias")]
        groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": biases, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate)
        return cls(shape, schedule, parameters, optimizer, torch.Generator(device).manual_seed(seed + 1))

    def run(self, rows: Rows) -> Parameters:
        """Train to the end of the schedule; the finished parameters, detached. A run that was cut off goes on from its kept state."""
        watch = current()
        saved = watch.restore()
        if saved is not None:
            from_arrays(self, saved.state, saved.done)
        peers = current_peers()
        self.networks = shared(self.parameters, peers, min(self.schedule.batch, len(rows.target)))
        if self.compiled:
            self.networks = compiled(self.networks)
        with watch.whole_steps():
            while self.done < self.schedule.steps:
                loss = self.step(rows, peers)
                if watch.wants() and self.done < self.schedule.steps:
                    watch.tell(self.done, self.schedule.steps, float(loss) / self.shape.networks)
                    watch.keep(self.done, to_arrays(self))
        return {name: value.detach() for name, value in self.parameters.items()}

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs: a copy, made of tensors and plain values, as `torch.save` takes it."""
        parameters = {name: value.detach() for name, value in self.parameters.items()}
        state = {"parameters": parameters, "optimizer": self.optimizer.state_dict(), "generator": self.generator.get_state()}
        return copy.deepcopy(state | {"done": self.done})

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the run whose `state` this is; shape and schedule must be the same."""
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(state["parameters"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.done = int(state["done"])

    def step(self, rows: Rows, peers: Peers = _ALONE) -> Tensor:
        """One update of every network, each on a batch of its own; the sum of their losses, detached.

        Every peer draws the same batches and takes its part, so that all together do what one alone would.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.done)
        size = (self.shape.networks, min(self.schedule.batch, len(rows.target)))
        chosen = torch.randint(len(rows.target), size, generator=self.generator, device=rows.target.device)
        masks = [part(mask, peers) for mask in self._masks(size)]
        chosen = part(chosen, peers)
        networks = self.networks or Networks(self.parameters)
        forecast = networks(rows.inputs[chosen], masks)
        loss = (rows.weight[chosen] * pinball(rows.target[chosen], forecast)).mean(1).sum()
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), 5.0)
        self.optimizer.step()
        self.done += 1
        return loss.detach()

    def _masks(self, size: tuple[int, int]) -> list[Tensor]:
        """Dropout masks of the input and of each block, scaled to mean 1."""
        schedule, shape = self.schedule, self.shape
        wanted = [(shape.inputs, schedule.input_dropout), *[(shape.hidden, schedule.dropout)] * shape.blocks]
        masks = []
        for columns, share in wanted:
            kept = torch.rand(*size, columns, generator=self.generator, device=self.generator.device) >= share
            masks.append(kept.float() / (1 - share))
        return masks
