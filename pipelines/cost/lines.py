"""A sum of money as lines: quantity times price, so that each can be checked by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One position.

    Attributes
    ----------
    component : what it belongs to: "endpoint", "cpu tier", "training", "batch", "front door", "storage" or "monitoring".
    what : the thing, e.g. "ml.g5.xlarge".
    quantity, unit : how much of it, e.g. 906 "hours".
    usd_per_unit : its price.
    why : where the quantity comes from.
    """

    component: str
    what: str
    quantity: float
    unit: str
    usd_per_unit: float
    why: str = ""

    @property
    def usd(self) -> float:
        return self.quantity * self.usd_per_unit


def total(lines: Iterable[Line]) -> float:
    """Their sum in USD."""
    return sum(line.usd for line in lines)


def by_component(lines: Iterable[Line]) -> dict[str, float]:
    """USD per component, in the order of the lines."""
    sums: dict[str, float] = {}
    for line in lines:
        sums[line.component] = sums.get(line.component, 0.0) + line.usd
    return sums


def as_json(line: Line) -> Mapping[str, Any]:
    """The line as JSON takes it, money to a hundredth of a cent."""
    return {
        "component": line.component,
        "what": line.what,
        "quantity": round(line.quantity, 6),
        "unit": line.unit,
        "usd_per_unit": line.usd_per_unit,
        "usd": round(line.usd, 4),
        "why": line.why,
    }
