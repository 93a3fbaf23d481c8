"""Drift: the line through the first and the last price."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from housing.members.baseline import Baseline, History
from housing.panel import Floats


class Drift(Baseline):
    """The last price plus the region's mean growth per period since its first price."""

    name: ClassVar[str] = "drift"

    def path(self, history: History, step: int) -> Floats:
        start = np.take_along_axis(history.filled, history.first[:, None], axis=1)
        age = np.maximum(history.columns - history.first[:, None], 1)
        forecast: Floats = history.filled + step * (history.filled - start) / age
        return forecast
