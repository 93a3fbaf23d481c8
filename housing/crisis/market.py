"""The course of the cross-section: what all regions have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from housing.panel import Floats, Months


@dataclass(frozen=True)
class Market:
    """The cross-section's course, one value per date, shape (T,) each, over `regions` regions.

    Kept in the artifact, so that a question about one region alone is answered as among all of them.
    """

    dates: Months
    growth: Floats
    turn: Floats
    noise: Floats
    regions: int

    def or_else(self, own: Market) -> Market:
        """`own`, but this market's values where it knows the date; later its last ones when `own` has under half its regions."""
        last = len(self.dates) - 1
        position = np.minimum(np.searchsorted(self.dates, own.dates), last)
        known = self.dates[position] == own.dates
        if 2 * own.regions < self.regions:
            known |= own.dates > self.dates[last]

        def merged(stored: Floats, fresh: Floats) -> Floats:
            return np.where(known, stored[position], fresh)

        return Market(own.dates, merged(self.growth, own.growth), merged(self.turn, own.turn), merged(self.noise, own.noise), self.regions)

    def to_json(self) -> dict[str, Any]:
        series = {name: [float(v) if np.isfinite(v) else None for v in getattr(self, name)] for name in ("growth", "turn", "noise")}
        return {"dates": [str(d) for d in self.dates], "regions": self.regions} | series

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        dates = np.array(facts["dates"], dtype="datetime64[M]")
        growth, turn, noise = (np.array(facts[name], dtype=np.float64) for name in ("growth", "turn", "noise"))
        return cls(dates, growth, turn, noise, int(facts["regions"]))
