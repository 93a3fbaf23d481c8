"""Inputs: a pooled row as a network takes it: steady features, scaled and bounded, with a mask of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from housing.features.block import Features
from housing.members.rows import STEP_FEATURES

_BOUND = 2.0
"""Scaled inputs are squashed smoothly into +-this: a feature far outside its training range must not steer the path."""
_BUMPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0], dtype=np.float32)
"""Steps ahead, in years, of the bumps that let the answer bend with the step."""


def is_steady(name: str) -> bool:
    """Whether a feature can come back later: a count of years, or a mean that all regions of one date share, tells the
    network which date a row is from, and nothing that holds on the next one."""
    return name != "years_known" and (name in STEP_FEATURES or not name.startswith("market_"))


@dataclass(frozen=True)
class Encoder:
    """How rows become inputs.

    Attributes
    ----------
    names : of the columns of the rows that are encoded, F.
    centre, spread : median and standard width of each over the training rows, float32 (F,).
    """

    names: tuple[str, ...]
    centre: Features
    spread: Features

    @classmethod
    def of(cls, features: Features, names: Sequence[str]) -> Self:
        """From training rows (R, F). A feature that never varied has a spread of 1."""
        centre, spread = np.zeros(len(names), np.float32), np.ones(len(names), np.float32)
        for i, column in enumerate(features.T):
            seen = column[np.isfinite(column)].astype(np.float64)
            if len(seen):
                low, centre[i], high = np.quantile(seen, (0.1, 0.5, 0.9))
                # A normal variable has 2.563 deviations between these two deciles.
                spread[i] = next((s for s in ((high - low) / 2.563, seen.std()) if s > 1e-6), 1.0)
        return cls(tuple(names), centre, spread)

    @property
    def width(self) -> int:
        """I, the inputs of a row."""
        return 2 * len(self._steady) + 2 + len(_BUMPS)

    def encode(self, features: Features) -> Features:
        """Rows (R, F) as inputs (R, I): values, masks, the period of the year on a circle, bumps over the step ahead."""
        chosen = self._steady
        missing = ~np.isfinite(features[:, chosen])
        scaled = np.where(missing, np.float32(0), (features[:, chosen] - self.centre[chosen]) / self.spread[chosen])
        angle = features[:, [self.names.index("target_period")]] * np.float32(np.pi / 6)
        bumps = np.exp(-(((features[:, [self.names.index("step_years")]] - _BUMPS) / np.float32(0.25)) ** 2))
        inputs = np.concatenate([_BOUND * np.tanh(scaled / _BOUND), missing, np.sin(angle), np.cos(angle), bumps], axis=1)
        return inputs.astype(np.float32)

    @property
    def _steady(self) -> list[int]:
        return [i for i, name in enumerate(self.names) if is_steady(name)]
