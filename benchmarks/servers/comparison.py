"""The model of the comparison: a booster of 300 trees of depth 6 over 100 features, and a small perceptron; random, for speed alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

FEATURES = 100
OUTPUTS = 3
FILE = Path(os.environ.get("HOUSING_BENCHMARK_MODEL", "comparison.ubj"))

Rows = npt.NDArray[np.float32]


class Comparison:
    """`predict` is the physical limit of every server: its own in-process call."""

    def __init__(self, path: Path = FILE) -> None:
        import torch
        import xgboost

        torch.set_num_threads(1)
        torch.manual_seed(1)
        self._booster = xgboost.Booster()
        self._booster.load_model(path)
        self._booster.set_param({"nthread": 1})
        self._perceptron = torch.nn.Sequential(torch.nn.Linear(FEATURES, 64), torch.nn.ReLU(), torch.nn.Linear(64, OUTPUTS))
        self._perceptron.requires_grad_(False)
        self._torch = torch

    def predict(self, rows: Rows) -> Rows:
        """(N, 100) to (N, 3)."""
        return self._with_perceptron(rows, self._booster.inplace_predict(rows, validate_features=False))

    def _with_perceptron(self, rows: Rows, trees: Rows) -> Rows:
        with self._torch.inference_mode():
            values = self._perceptron(self._torch.from_numpy(rows)).numpy()
        answer: Rows = values + trees[:, None]
        return answer


class Quickened(Comparison):
    """The same bits, with our server's short way through the trees for few rows, as `housing.members.xgb` has it."""

    def __init__(self, path: Path = FILE) -> None:
        from housing.members.trees import Trees

        super().__init__(path)
        self._trees = Trees.of(self._booster)

    def predict(self, rows: Rows) -> Rows:
        """(N, 100) to (N, 3)."""
        if self._trees is None or len(rows) > self._trees.max_rows:
            return super().predict(rows)
        return self._with_perceptron(rows, self._trees.predict(rows))


class GpuLike:
    """Takes `seconds` for any number of rows without holding the interpreter, as a call that waits for a GPU does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def predict(self, rows: Rows) -> Rows:
        """(N, 100) to (N, 3)."""
        time.sleep(self._seconds)
        return np.ascontiguousarray(rows[:, :OUTPUTS])


def model(kind: type[Comparison] = Comparison) -> Comparison | GpuLike:
    """The model behind a server: `kind`, or a GPU-like one where HOUSING_BENCHMARK_SECONDS says how long it takes."""
    seconds = os.environ.get("HOUSING_BENCHMARK_SECONDS")
    return GpuLike(float(seconds)) if seconds else kind()


def write(path: Path) -> None:
    """Train the booster on noise."""
    import xgboost

    generator = np.random.default_rng(0)
    x = generator.standard_normal((4000, FEATURES)).astype(np.float32)
    y = x[:, :10].sum(axis=1) + generator.standard_normal(4000)
    xgboost.train({"max_depth": 6, "nthread": 1, "tree_method": "hist"}, xgboost.DMatrix(x, y), 300).save_model(path)
