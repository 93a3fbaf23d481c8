"""Expected growth: a small regression that moves the base path of smooth series, whose growth goes on, and not of noisy ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from housing.features.block import Features
from housing.members.robust import Design, robust_fit
from housing.members.rows import STEP_FEATURES
from housing.panel import Floats

_CORE = (
    "growth_3m_in_noise",
    "growth_6m_in_noise",
    "growth_12m_in_noise",
    "growth_24m_in_noise",
    "mean_1m_from_level_in_noise",
    "mean_3m_from_level_in_noise",
    "market_growth_12m",
)
_PENALTY = 100.0
_NOISY, _SMOOTH = 1.0, 2.0
"""Typical yearly growth in noises: up to the first the base is the level, from the second on it follows the growth."""


@dataclass(frozen=True)
class ExpectedGrowth:
    """`share` of a linear forecast of the target from a few momentum features."""

    share: float
    design: Design
    coefficients: Floats

    @classmethod
    def fit(cls, features: Features, names: Sequence[str], target: Floats, weight: Floats) -> Self:
        """Learn from training rows (R, F), whose last features are `STEP_FEATURES`."""
        every = (*names, *STEP_FEATURES)
        growth = features[:, [i for i, name in enumerate(every) if name == "growth_12m_in_noise"]]
        typical = float(np.nanmedian(np.abs(growth))) if np.isfinite(growth).any() else 0.0
        share = float(np.clip((typical - _NOISY) / (_SMOOTH - _NOISY), 0.0, 1.0))
        design = Design.fit(features, [i for i, name in enumerate(every) if name in _CORE], every.index("step_years"))
        if not share:
            return cls(0.0, design, np.zeros(design.width))
        return cls(share, design, robust_fit(design(features), target, weight, np.full(design.width, _PENALTY)))

    def __call__(self, features: Features) -> Floats:
        """Expected target (R,)."""
        if not self.share:
            return np.zeros(len(features))
        expected: Floats = self.share * (self.design(features) * self.coefficients).sum(axis=1)
        return expected

    def parts(self, features: Features) -> Floats:
        """The expected target as a sum over features, (R, F + 1), the constant last."""
        return self.share * self.design.parts(features, self.coefficients)

    def to_json(self) -> dict[str, Any]:
        return {"share": self.share, "coefficients": self.coefficients.tolist(), "design": self.design.to_json()}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        return cls(float(facts["share"]), Design.from_json(facts["design"]), np.asarray(facts["coefficients"], dtype=np.float64))
