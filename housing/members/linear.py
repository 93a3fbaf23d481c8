"""Linear: a strongly shrunk robust regression on the same rows as the trees, with the quantiles of its own errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from housing.errors import ArtifactError
from housing.features.block import Features
from housing.forecast import QUANTILES
from housing.members.attributed import MEDIAN, Attributed
from housing.members.robust import Design, robust_fit
from housing.members.rows import STEP_FEATURES
from housing.members.store import read_json, write_json
from housing.panel import Floats

_FREE = 1.0
"""Penalty of the constant: as good as none."""


class Linear(Attributed):
    """Quantiles of the target = linear median + quantiles of the training errors at that step ahead."""

    name: ClassVar[str] = "linear"
    WIDE_BASE: ClassVar[bool] = False

    def __init__(self, seed: int = 0, penalty: float = 10_000.0, **pooled: Any) -> None:
        super().__init__(seed=seed, **{"rows": 20_000, **pooled})
        self.penalty = penalty
        self._design: Design | None = None
        self._coefficients: Floats = np.empty(0)
        self._errors: Floats = np.empty((0, len(QUANTILES)))

    def _train(self, features: Features, target: Floats, weight: Floats) -> None:
        width = features.shape[1]
        self._design = Design.fit(features, range(width), width - len(STEP_FEATURES))
        design = self._design(features)
        penalty = np.full(design.shape[1], self.penalty)
        penalty[0] = _FREE
        self._coefficients = robust_fit(design, target, weight, penalty)
        error = target - (design * self._coefficients).sum(axis=1)
        step = self._steps(features)
        near = [np.abs(step - s) <= max(1, self._horizon // 6) for s in range(self._horizon)]
        self._errors = np.stack([np.quantile(error[rows] if rows.any() else error, QUANTILES) for rows in near])

    def _quantiles(self, features: Features) -> Floats:
        assert self._design is not None  # noqa: S101 (predict has checked that the member is fitted)
        # Not a matrix product: its rounding depends on how many rows are asked for at once.
        median = (self._design(features) * self._coefficients).sum(axis=1)
        answer: Floats = median[:, None] + self._errors[self._steps(features)]
        return answer

    def _median_parts(self, features: Features) -> Floats:
        assert self._design is not None  # noqa: S101
        parts = self._design.parts(features, self._coefficients)
        parts[:, -1] += self._errors[self._steps(features), MEDIAN]
        return parts

    def _steps(self, features: Features) -> np.ndarray:
        """Step ahead of each row, counted from 0."""
        ahead = features[:, features.shape[1] - len(STEP_FEATURES)] * self._season
        return np.clip(np.rint(ahead).astype(np.int64) - 1, 0, self._horizon - 1)

    def _save_model(self, folder: Path) -> None:
        assert self._design is not None  # noqa: S101
        content = {"design": self._design.to_json(), "coefficients": self._coefficients.tolist(), "errors": self._errors.tolist()}
        write_json(folder / "linear.json", content)

    def _load_model(self, folder: Path) -> None:
        facts = read_json(folder / "linear.json")
        try:
            self._design = Design.from_json(facts["design"])
            self._coefficients = np.asarray(facts["coefficients"], dtype=np.float64)
            self._errors = np.asarray(facts["errors"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"linear.json: {error!r}; train linear again") from error
