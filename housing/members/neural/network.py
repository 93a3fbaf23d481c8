"""Network: several residual networks in one batch of matrix products; quantiles that cannot cross."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from housing.forecast import QUANTILES

_MEDIAN = QUANTILES.index(0.5)

Parameters = dict[str, Tensor]
"""Name -> tensor whose first axis is the K networks."""


@dataclass(frozen=True)
class Shape:
    """Of K networks: inputs, width of the hidden layers, residual blocks."""

    networks: int
    inputs: int
    hidden: int
    blocks: int


def initial_parameters(shape: Shape, generator: torch.Generator) -> Parameters:
    """Fresh float32 parameters: He-scaled inputs, blocks and outputs that begin near zero."""

    def matrix(rows: int, columns: int, gain: float) -> Tensor:
        return torch.randn(shape.networks, rows, columns, generator=generator) * (gain / math.sqrt(rows))

    def bias(columns: int) -> Tensor:
        return torch.zeros(shape.networks, 1, columns)

    hidden = shape.hidden
    parameters = {"input.weight": matrix(shape.inputs, hidden, 1.0), "input.bias": bias(hidden)}
    for block in range(shape.blocks):
        parameters |= {f"block{block}.weight": matrix(hidden, hidden, 1.4), f"block{block}.bias": bias(hidden)}
        parameters |= {f"block{block}.gate": matrix(hidden, hidden, 0.1)}
    parameters |= {"output.weight": matrix(hidden, len(QUANTILES), 0.1), "output.bias": bias(len(QUANTILES))}
    return parameters


def quantiles(parameters: Parameters, inputs: Tensor, masks: list[Tensor] | None = None) -> Tensor:
    """Quantiles (K, R, 9), ascending, of inputs (K, R, I) or (R, I).

    The output is a median and the distances from each quantile to the next, made positive by softplus. `masks`
    are the dropout masks of the input and of each block while training.
    """
    drop = iter(masks or ())
    if masks:
        inputs = inputs * next(drop)
    state = functional.silu(inputs @ parameters["input.weight"] + parameters["input.bias"])
    for block in range(sum(name.endswith(".gate") for name in parameters)):
        inner = functional.silu(state @ parameters[f"block{block}.weight"] + parameters[f"block{block}.bias"])
        if masks:
            inner = inner * next(drop)
        state = state + inner @ parameters[f"block{block}.gate"]
    raw = (state @ parameters["output.weight"] + parameters["output.bias"]).float()
    middle = raw[..., _MEDIAN : _MEDIAN + 1]
    # A distance begins near what a normal variable of deviation 1 has between neighbouring deciles.
    above = middle + functional.softplus(raw[..., _MEDIAN + 1 :] - 1.2).cumsum(-1)
    below = middle - functional.softplus(raw[..., :_MEDIAN] - 1.2).flip(-1).cumsum(-1).flip(-1)
    return torch.cat([below, middle, above], -1)


def pinball(actual: Tensor, forecast: Tensor) -> Tensor:
    """Mean over the levels of twice the pinball loss of (..., 9) against (...)."""
    levels = torch.tensor(QUANTILES, device=forecast.device)
    error = actual[..., None] - forecast
    return 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
