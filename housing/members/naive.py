"""Seasonal naive: the price of the same month last year."""

from __future__ import annotations

from typing import ClassVar

from housing.members.baseline import Baseline, History
from housing.panel import Floats


class Naive(Baseline):
    """The newest price of the target's season that was known at the origin."""

    name: ClassVar[str] = "naive"

    def path(self, history: History, step: int) -> Floats:
        years = -(-step // history.season)
        return history.at(history.columns + step - years * history.season)
