"""Snapshots: CatBoost's own way to go on with a fit that was cut off, bit for bit, its random generators included."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import catboost

from housing.members.watch import Watch, as_bytes, current

_FILE = "snapshot"


def fit_with_snapshots(settings: Mapping[str, Any], rows: catboost.Pool) -> catboost.CatBoost:
    """A fitted model. Under a watch CatBoost writes a snapshot from time to time, which the watch keeps, and begins with the newest one."""
    watch = current()
    if not watch.seconds:
        model = catboost.CatBoost(dict(settings))
        model.fit(rows)
        return model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        saved = watch.restore()
        if saved is not None and _FILE in saved.state:
            path.write_bytes(saved.state[_FILE].tobytes())
        interval = max(1, int(watch.seconds))
        own = {
            "allow_writing_files": True,
            "train_dir": folder,
            "save_snapshot": True,
            "snapshot_file": _FILE,
            "snapshot_interval": interval,
        }
        model = catboost.CatBoost({**settings, **own})
        callback = _Iteration(watch, path, int(settings["iterations"]))
        with watch.whole_steps():
            model.fit(rows, callbacks=[callback])
            if callback.cut_off:  # the order to end, which waited for this
                callback.keep(callback.done)
        return model


class _Iteration:
    """What happens after each round: a new snapshot goes to the watch; an order to end ends the fit."""

    def __init__(self, watch: Watch, path: Path, rounds: int) -> None:
        self._watch, self._path, self._rounds = watch, path, rounds
        self._stamp = self._modified()
        self.done = 0
        self.cut_off = False

    def after_iteration(self, info: Any) -> bool:
        """CatBoost's callback; False ends the fit."""
        self.done = int(info.iteration)
        if self._modified() != self._stamp:
            self._stamp = self._modified()
            self._watch.tell(self.done, self._rounds, float(next(iter(info.metrics["learn"].values()))[-1]))
            if not self._watch.ending:
                self.keep(self.done)
        self.cut_off = self._watch.ending and self.done < self._rounds
        return not self.cut_off

    def keep(self, done: int) -> None:
        """Give the snapshot file to the watch as it stands."""
        self._watch.keep(done, {_FILE: as_bytes(self._path.read_bytes())} if self._path.is_file() else {})

    def _modified(self) -> int:
        return self._path.stat().st_mtime_ns if self._path.is_file() else 0
