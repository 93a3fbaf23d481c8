"""The work of a Train job, taken up where an earlier attempt was cut off: forecast origins, fitted members, parts of a fit.

| unit | what it holds | how long |
| --- | --- | --- |
| `origin/MONTH` | the forecasts of all members from that origin | to the end of the job |
| `fit/MEMBER` | the files of the fitted member, for the origins that share its fit | until the next fit of the member |
| `part/MEMBER` | the state of a fit that is under way | until the fit is done |
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from housing.backtest import Backtest, join_origins
from housing.members import load_member
from housing.members.base import Member
from housing.members.watch import as_bytes, watched
from housing.panel import Panel
from training.checkpoint import Arrays, Checkpoints
from training.fit_watch import FitWatch
from training.log import say
from training.plan import Plan


class Resumable:
    """A job's checkpoints, in terms of its origins and members."""

    def __init__(self, panel: Panel, plan: Plan, checkpoints: Checkpoints, label: str = "") -> None:
        """`label` sets the fits of this host apart from those of other hosts, which keep theirs in the same place."""
        self._label = label
        self.panel, self.plan, self._checkpoints = panel, plan, checkpoints

    def finished_origins(self, columns: Sequence[int]) -> Backtest | None:
        """Which of the origins at `columns` an earlier attempt has forecast, None when there are none."""
        parts = []
        for column in columns:
            saved = self._checkpoints.latest(f"origin/{self.panel.dates[column]}")
            if saved is not None:
                values = {name: array.astype(np.float32) for name, array in saved.arrays.items()}
                parts.append(Backtest(self.panel.regions, np.array([column]), self.plan.horizon, values))
        if not parts:
            return None
        say(f"resumed: {len(parts)} of {len(columns)} origins are finished")
        return join_origins(parts)

    def keep_origin(self, origin: Backtest) -> None:
        """Offer the forecasts from one origin."""
        month = str(self.panel.dates[origin.origins[0]])
        self._checkpoints.offer(f"origin/{month}", 0, lambda: (dict(origin.values), {}))

    def flush(self) -> None:
        """Write what was offered: this host's part is done, the others may take their time."""
        self._checkpoints.flush()

    def fit(self, name: str, column: int, train: Callable[[], Member]) -> Member:
        """The member as fitted up to `column`: read back, or trained under a watch and offered."""
        saved = self._checkpoints.latest(f"fit/{name}{self._label}")
        if saved is not None and saved.step == column:
            say(f"resumed: {name} is fitted on the panel up to {self.panel.dates[column]}")
            return _unpacked(name, saved.arrays)
        watch = FitWatch(self._checkpoints, name, column, self._label)
        with watched(watch):
            member = train()
        self._checkpoints.offer(f"fit/{name}{self._label}", column, lambda: (packed(member), {}))
        watch.finish()
        return member


def packed(member: Member) -> Arrays:
    """The files of a fitted member."""
    with tempfile.TemporaryDirectory() as folder:
        member.save(Path(folder))
        return {path.name: as_bytes(path.read_bytes()) for path in sorted(Path(folder).iterdir())}


def _unpacked(name: str, files: Arrays) -> Member:
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content.tobytes())
        return load_member(name, Path(folder))
