"""Expected growth: small regressions that move the base path before a flexible model sees what is left.

The growth of a smooth series goes on, and a few momentum features say how; what a noisy one does next takes every feature and much
shrinkage. A tree learns neither line from a few thousand rows as well as a line does.
"""

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
_WIDE_PENALTY_PER_ROW = 0.5
"""Of the regression on every feature: overlapping rows of a few dozen regions say far less than their number."""
_WIDE_SHARE = 0.5
"""Share of the wide regression's forecast that moves the path of a noisy series."""
_NOISY, _SMOOTH = 1.0, 2.0
"""Typical yearly growth in noises: up to the first a series is noisy, from the second on it is smooth."""


@dataclass(frozen=True)
class Regression:
    """A linear forecast of the target, of which `share` is used."""

    share: float
    design: Design
    coefficients: Floats

    def __call__(self, features: Features) -> Floats:
        """Expected target (R,)."""
        # Not a matrix product: its rounding depends on how many rows are asked for at once.
        expected: Floats = self.share * (self.design(features) * self.coefficients).sum(axis=1)
        return expected

    def to_json(self) -> dict[str, Any]:
        return {"share": self.share, "coefficients": self.coefficients.tolist(), "design": self.design.to_json()}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        return cls(float(facts["share"]), Design.from_json(facts["design"]), np.asarray(facts["coefficients"], dtype=np.float64))


@dataclass(frozen=True)
class ExpectedGrowth:
    """The sum of the regressions that a panel's noise asks for: momentum where it is smooth, all features where it is noisy."""

    regressions: tuple[Regression, ...]

    @classmethod
    def fit(cls, features: Features, names: Sequence[str], target: Floats, weight: Floats, *, wide: bool = True) -> Self:
        """Learn from training rows (R, F), whose last features are `STEP_FEATURES`; without `wide` from momentum alone."""
        every = (*names, *STEP_FEATURES)
        smooth = _smoothness(features, every)
        core = [i for i, name in enumerate(every) if name in _CORE]
        wanted = [(smooth, core, _PENALTY)]
        if wide:
            wanted.append(((1 - smooth) * _WIDE_SHARE, list(range(len(every))), _WIDE_PENALTY_PER_ROW * len(features)))
        made = []
        for share, columns, penalty in wanted:
            if share > 0:
                design = Design.fit(features, columns, every.index("step_years"))
                penalties = np.full(design.width, penalty)
                penalties[0] = min(penalty, _PENALTY)
                made.append(Regression(share, design, robust_fit(design(features), target, weight, penalties)))
        return cls(tuple(made))

    def __call__(self, features: Features) -> Floats:
        """Expected target (R,)."""
        expected: Floats = np.zeros(len(features))
        for regression in self.regressions:
            expected = expected + regression(features)
        return expected

    def parts(self, features: Features) -> Floats:
        """The expected target as a sum over features, (R, F + 1), the constant last."""
        total: Floats = np.zeros((len(features), features.shape[1] + 1))
        for regression in self.regressions:
            total = total + regression.share * regression.design.parts(features, regression.coefficients)
        return total

    def to_json(self) -> list[dict[str, Any]]:
        return [regression.to_json() for regression in self.regressions]

    @classmethod
    def from_json(cls, facts: Sequence[Mapping[str, Any]]) -> Self:
        return cls(tuple(Regression.from_json(entry) for entry in facts))


def _smoothness(features: Features, every: Sequence[str]) -> float:
    """0 for a panel of noisy series, 1 for one of smooth series."""
    growth = features[:, [i for i, name in enumerate(every) if name == "growth_12m_in_noise"]]
    typical = float(np.nanmedian(np.abs(growth))) if np.isfinite(growth).any() else 0.0
    return float(np.clip((typical - _NOISY) / (_SMOOTH - _NOISY), 0.0, 1.0))
