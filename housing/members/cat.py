"""CatBoost: oblivious gradient-boosted trees for all quantiles and steps ahead in one model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import catboost
import numpy as np
import numpy.typing as npt

from housing.atomic import write_atomically
from housing.errors import ArtifactError
from housing.features.block import Features
from housing.forecast import QUANTILES
from housing.members.attributed import MEDIAN, Attributed
from housing.members.snapshot import fit_with_snapshots
from housing.panel import Floats

_STAMPS = ("model_guid", "train_finish_time", "output_options")
"""What CatBoost writes into a model beside the model: emptied, so that equal models are equal files."""


class CatBoost(Attributed):
    """Direct multi-horizon quantile trees (`MultiQuantile`); hyperparameters are those of `catboost.CatBoost`."""

    name: ClassVar[str] = "catboost"

    def __init__(
        self, seed: int = 0, rounds: int = 50, depth: int = 4, learning_rate: float = 0.15, threads: int = 1, **pooled: Any
    ) -> None:
        super().__init__(seed=seed, **pooled)
        self.rounds, self.depth, self.learning_rate, self.threads = rounds, depth, learning_rate, threads
        self._model: catboost.CatBoost | None = None

    def _train(self, features: Features, target: Floats, weight: Floats) -> None:
        settings = {
            "loss_function": "MultiQuantile:alpha=" + ",".join(str(q) for q in QUANTILES),
            "iterations": self.rounds,
            "depth": self.depth,
            "learning_rate": self.learning_rate,
            "l2_leaf_reg": 10,
            "rsm": 0.5,
            "bootstrap_type": "Bernoulli",
            "subsample": 0.6,
            "border_count": 64,
            "random_seed": self.seed,
            "thread_count": self.threads,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        self._model = fit_with_snapshots(settings, catboost.Pool(features, label=target, weight=weight, thread_count=self.threads))

    def _quantiles(self, features: Features) -> npt.NDArray[Any]:
        assert self._model is not None  # noqa: S101 (predict has checked that the member is fitted)
        return np.asarray(self._model.predict(features, thread_count=self.threads), dtype=np.float64)

    def _median_parts(self, features: Features) -> Floats:
        assert self._model is not None  # noqa: S101
        shapley = self._model.get_feature_importance(catboost.Pool(features), type="ShapValues", thread_count=self.threads)
        return np.asarray(shapley[:, MEDIAN], dtype=np.float64)

    def _save_model(self, folder: Path) -> None:
        assert self._model is not None  # noqa: S101
        metadata = self._model.get_metadata()
        for stamp in _STAMPS:
            metadata[stamp] = ""
        # The rest says how it was trained; this also where its files were, and whether snapshots were taken.
        metadata["params"] = json.dumps({name: value for name, value in json.loads(metadata["params"]).items() if name != "flat_params"})
        write_atomically(folder / "model.cbm", self._model._serialize_model())

    def _load_model(self, folder: Path) -> None:
        self._model = catboost.CatBoost()
        try:
            self._model.load_model(blob=(folder / "model.cbm").read_bytes())
        except (OSError, catboost.CatBoostError) as error:
            raise ArtifactError(f"model.cbm: {error}; train catboost again") from error
