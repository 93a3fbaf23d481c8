"""Momentum: the same month last year, plus the damped growth of the last year."""

from __future__ import annotations

from typing import ClassVar

from housing.members.baseline import Baseline, History
from housing.panel import Floats

_DAMPING = 0.85
"""Share of the last year's growth that is expected to go on."""


class Momentum(Baseline):
    """Seasonal naive raised by the year-on-year growth, averaged over a quarter and damped."""

    name: ClassVar[str] = "momentum"

    def path(self, history: History, step: int) -> Floats:
        years = -(-step // history.season)
        return history.at(history.columns + step - years * history.season) + years * _DAMPING * history.growth
