"""Robust ridge regression: standardised features, each also multiplied by the step ahead, least absolute deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from housing.features.block import Features
from housing.panel import Floats

_CLIP = 4.0
"""Standard deviations beyond which a feature says no more."""
_ITERATIONS = 5


@dataclass(frozen=True)
class Design:
    """How features (R, F) become regressors: 1, step, step^2, then each chosen feature and its product with the step.

    Features are centred and scaled as in training, an unknown one stands at its mean.
    """

    columns: tuple[int, ...]
    step: int
    centre: Floats
    spread: Floats

    @classmethod
    def fit(cls, features: Features, columns: Sequence[int], step: int) -> Self:
        chosen = features[:, list(columns)].astype(np.float64)
        known = np.isfinite(chosen)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, chosen, 0.0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (chosen - centre) ** 2, 0.0).sum(axis=0) / count)
        return cls(tuple(columns), step, centre, spread + 1e-6)

    @property
    def width(self) -> int:
        return 3 + 2 * len(self.columns)

    def __call__(self, features: Features) -> Floats:
        """Regressors (R, width)."""
        step = 2.0 * features[:, self.step].astype(np.float64)[:, None] - 1.0
        scaled = (features[:, list(self.columns)] - self.centre) / self.spread
        scaled = np.clip(np.where(np.isfinite(scaled), scaled, 0.0), -_CLIP, _CLIP)
        return np.concatenate([np.ones_like(step), step, step**2, scaled, scaled * step], axis=1)

    def parts(self, features: Features, coefficients: Floats) -> Floats:
        """`coefficients` times the regressors, gathered by feature: (R, F + 1), the terms of no feature last."""
        terms, count = self(features) * coefficients, len(self.columns)
        answer = np.zeros((len(features), features.shape[1] + 1))
        answer[:, list(self.columns)] = terms[:, 3 : 3 + count] + terms[:, 3 + count :]
        answer[:, -1] = terms[:, :3].sum(axis=1)
        return answer

    def to_json(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "step": self.step, "centre": self.centre.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        centre, spread = (np.asarray(facts[name], dtype=np.float64) for name in ("centre", "spread"))
        return cls(tuple(facts["columns"]), int(facts["step"]), centre, spread)


def robust_fit(design: Floats, target: Floats, weight: Floats, penalty: Floats) -> Floats:
    """Coefficients (P,) of a ridge regression of `target` (R,) by iteratively reweighted least squares.

    A row whose error exceeds the median error is weighed down in proportion, which approaches least absolute deviations.
    `penalty` (P,) is added to the diagonal of the normal equations.
    """
    current = weight
    coefficients: Floats = np.zeros(design.shape[1])
    for _ in range(_ITERATIONS):
        weighted = design * current[:, None]
        coefficients = np.asarray(np.linalg.solve(design.T @ weighted + np.diag(penalty), weighted.T @ target), dtype=np.float64)
        error = np.abs(target - design @ coefficients)
        current = np.asarray(weight * np.minimum(1.0, np.median(error) / np.maximum(error, 1e-9)), dtype=np.float64)
    return coefficients
