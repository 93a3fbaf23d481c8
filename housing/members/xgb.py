"""XGBoost: gradient-boosted trees for all quantiles and steps ahead in one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xgboost

from housing.atomic import write_atomically
from housing.errors import ArtifactError
from housing.features.block import Features
from housing.forecast import QUANTILES
from housing.members.attributed import MEDIAN, Attributed
from housing.members.device import booster_device
from housing.members.peers import current as current_peers
from housing.members.trees import Trees
from housing.members.watch import as_bytes, current
from housing.panel import Floats


class XGBoost(Attributed):
    """Direct multi-horizon quantile trees (pinball loss); hyperparameters are those of `xgboost.train`."""

    name: ClassVar[str] = "xgboost"

    def __init__(
        self,
        seed: int = 0,
        *,
        rounds: int = 30,
        parallel_trees: int = 3,
        depth: int = 5,
        learning_rate: float = 0.12,
        threads: int = 1,
        segment: int = 50,
        **pooled: Any,
    ) -> None:
        """`parallel_trees` are grown side by side in each round and averaged: their samples differ, so their errors cancel.

        After each `segment` of rounds the booster is read back from its own bytes and seeded anew: sampling draws from a generator that no
        file holds, so only there a fit that was cut off can go on to the same bits.
        """
        super().__init__(seed=seed, **pooled)
        self.rounds, self.parallel_trees = rounds, parallel_trees
        self.depth, self.learning_rate, self.threads = depth, learning_rate, threads
        self.segment = max(1, segment)
        self._booster: xgboost.Booster | None = None
        self._small: Trees | None = None

    def _train(self, features: Features, target: Floats, weight: Floats) -> None:
        settings = {
            "objective": "reg:quantileerror",
            "quantile_alpha": list(QUANTILES),
            "tree_method": "hist",
            "num_parallel_tree": self.parallel_trees,
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "subsample": 0.6,
            "colsample_bytree": 0.5,
            "min_child_weight": 40,
            "lambda": 10,
            "max_bin": 64,
            "nthread": self.threads,
            "device": booster_device(),
        }
        mine = current_peers().rows
        data = xgboost.QuantileDMatrix(features[mine], label=target[mine], weight=weight[mine], max_bin=64, nthread=self.threads)
        self._booster = self._boost(settings, data)
        self._booster.set_param({"device": "cpu"})

    def _boost(self, settings: dict[str, Any], data: xgboost.QuantileDMatrix) -> xgboost.Booster:
        """Segment after segment, from the newest one that the watch has kept."""
        watch = current()
        saved = watch.restore()
        done, content = (0, b"") if saved is None else (saved.done, saved.state["booster"].tobytes())
        while True:
            rounds = min(self.segment, self.rounds - done)
            settings["seed"] = self.seed + done
            booster = xgboost.train(settings, data, rounds, xgb_model=bytearray(content) if content else None)
            done += rounds
            if done >= self.rounds:
                return booster
            content = bytes(booster.save_raw("ubj"))
            watch.keep(done, {"booster": as_bytes(content)})
            watch.tell(done, self.rounds, float(booster.eval(data).rpartition(":")[2]))

    def _quantiles(self, features: Features) -> npt.NDArray[Any]:
        assert self._booster is not None  # noqa: S101 (predict has checked that the member is fitted)
        few = self._small is not None and len(features) <= self._small.max_rows
        values = self._small.predict(features) if self._small is not None and few else self._booster.inplace_predict(features)
        return np.asarray(values, dtype=np.float64)

    def _median_parts(self, features: Features) -> Floats:
        assert self._booster is not None  # noqa: S101
        data = xgboost.DMatrix(features, nthread=self.threads)
        shapley = self._booster.predict(data, pred_contribs=True, strict_shape=True)
        return np.asarray(shapley[:, MEDIAN], dtype=np.float64)

    def _save_model(self, folder: Path) -> None:
        assert self._booster is not None  # noqa: S101
        write_atomically(folder / "model.ubj", bytes(self._booster.save_raw("ubj")))

    def _load_model(self, folder: Path) -> None:
        self._booster = xgboost.Booster()
        try:
            self._booster.load_model(bytearray((folder / "model.ubj").read_bytes()))
        except (OSError, xgboost.core.XGBoostError) as error:
            raise ArtifactError(f"model.ubj: {error}; train xgboost again") from error
        self._booster.set_param({"nthread": self.threads})
        self._small = Trees.of(self._booster)
