"""Neural: the member; rows, target and base are those of every pooled model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch.nn import functional

from housing.atomic import write_atomically
from housing.errors import ArtifactError
from housing.features.block import Features
from housing.members.device import choose_device, reproducible
from housing.members.neural.inputs import Encoder
from housing.members.neural.network import Parameters, Shape, quantiles
from housing.members.neural.training import Rows, Schedule, Training
from housing.members.pooled import Pooled
from housing.members.rows import STEP_FEATURES
from housing.panel import Floats

_BLOCK = 512
"""Rows that are answered in one product: products of one shape give a region the same numbers in any company."""
_CENTRE, _SPREAD = "encoder.centre", "encoder.spread"


class Neural(Pooled):
    """Residual networks on the pooled rows, several at once from different beginnings; the answer is their mean.

    The hyperparameters are those of `network.Shape` and `training.Schedule`.
    """

    name: ClassVar[str] = "neural"
    REFIT_MONTHS: ClassVar[int] = 12

    def __init__(
        self,
        seed: int = 0,
        *,
        networks: int = 3,
        hidden: int = 32,
        blocks: int = 1,
        steps: int = 300,
        batch: int = 512,
        learning_rate: float = 0.004,
        weight_decay: float = 1.0,
        input_dropout: float = 0.9,
        dropout: float = 0.5,
        threads: int = 1,
        compiled: bool = False,
        **pooled: Any,
    ) -> None:
        """`compiled` sends training through torch.compile: worth its minute where a fit takes many, and other last bits."""
        super().__init__(seed=seed, **pooled)
        self.compiled = compiled
        self.networks, self.hidden, self.blocks, self.threads = networks, hidden, blocks, threads
        self.schedule = Schedule(steps, batch, learning_rate, weight_decay, input_dropout, dropout)
        self._encoder: Encoder | None = None
        self._parameters: Parameters = {}

    def _train(self, features: Features, target: Floats, weight: Floats) -> None:
        device = choose_device()
        self._encoder = Encoder.of(features, self._names + STEP_FEATURES)
        columns = (self._encoder.encode(features), target, weight / weight.mean())
        rows = Rows(*(torch.as_tensor(column, dtype=torch.float32, device=device) for column in columns))
        shape = Shape(self.networks, self._encoder.width, self.hidden, self.blocks)
        with reproducible(device, self.threads):
            training = Training.begin(shape, self.schedule, self.seed, device)
            training.compiled = self.compiled
            self._parameters = training.run(rows)

    def _quantiles(self, features: Features) -> npt.NDArray[Any]:
        assert self._encoder is not None  # noqa: S101 (predict has checked that the member is fitted)
        device = choose_device()
        parameters = {name: value.to(device) for name, value in self._parameters.items()}
        parts = []
        with reproducible(device, self.threads), torch.inference_mode():
            for start in range(0, len(features), _BLOCK):
                inputs = torch.from_numpy(self._encoder.encode(features[start : start + _BLOCK]))
                answer = quantiles(parameters, functional.pad(inputs, (0, 0, 0, _BLOCK - len(inputs))).to(device))
                parts.append(answer.mean(0)[: len(inputs)].cpu().numpy())
        return np.concatenate(parts, dtype=np.float64)

    def _save_model(self, folder: Path) -> None:
        assert self._encoder is not None  # noqa: S101
        tensors = {name: value.cpu().contiguous() for name, value in self._parameters.items()}
        tensors |= {_CENTRE: torch.from_numpy(self._encoder.centre), _SPREAD: torch.from_numpy(self._encoder.spread)}
        write_atomically(folder / "model.safetensors", safetensors.torch.save(tensors))

    def _load_model(self, folder: Path) -> None:
        try:
            tensors = safetensors.torch.load((folder / "model.safetensors").read_bytes())
            centre, spread = tensors.pop(_CENTRE).numpy(), tensors.pop(_SPREAD).numpy()
        except (OSError, KeyError, SafetensorError) as error:
            raise ArtifactError(f"model.safetensors: {error}; train neural again") from error
        self._encoder = Encoder(self._names + STEP_FEATURES, centre, spread)
        self._parameters = tensors
