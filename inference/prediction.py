"""A prediction as the contract writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from housing.panel import Floats
from inference.contract import level_name
from inference.numbers import six_digits


@dataclass(frozen=True)
class Prediction:
    """Forecast of one input: `mean` (H,) and `values` (H, L) in the unit of the prices, 6 significant digits.

    `mean` is the median, as in the schema that this contract extends. `start` is the first forecast period; `drawdown_probability` is
    None where the region is already in a drawdown or its history is too short.
    """

    item_id: str | None
    start: str | None
    levels: tuple[float, ...]
    mean: Floats
    values: Floats
    drawdown_probability: float | None
    model_version: str
    explanation: dict[str, object] | None = None

    @cached_property
    def json(self) -> bytes:
        """The prediction as one JSON object."""
        content: dict[str, object] = {}
        if self.item_id is not None:
            content["item_id"] = self.item_id
        if self.start is not None:
            content["start"] = self.start
        content["mean"] = self.mean.tolist()
        for position, level in enumerate(self.levels):
            content[level_name(level)] = self.values[:, position].tolist()
        content["drawdown_probability"] = self.drawdown_probability
        if self.explanation is not None:
            content["explanation"] = self.explanation
        content["model_version"] = self.model_version
        return msgspec.json.encode(content)


@dataclass(frozen=True)
class Response:
    """The predictions of one request, in the order of its inputs, and the `id` it came with."""

    predictions: list[Prediction]
    id: str | int | None = None

    @property
    def json(self) -> bytes:
        """The response as one JSON object."""
        head = b"{" if self.id is None else b'{"id":' + msgspec.json.encode(self.id) + b","
        return head + b'"predictions":[' + b",".join(one.json for one in self.predictions) + b"]}"


def explanation(reasons: Mapping[str, Any]) -> dict[str, object]:
    """`price` and `drawdown`: in each, `base` and `contributions` add up to `log_price` or `log_odds`. 6 significant digits; nulls
    where there is no probability.
    """
    return {part: None if reasons[part] is None else _rounded(reasons[part]) for part in ("price", "drawdown")}


def _rounded(facts: Mapping[str, Any]) -> dict[str, object]:
    return {name: _rounded(value) if isinstance(value, Mapping) else probability(float(value)) for name, value in facts.items()}


def probability(value: float) -> float | None:
    """6 significant digits, None for NaN."""
    return None if np.isnan(value) else float(six_digits(np.array([value]))[0])
