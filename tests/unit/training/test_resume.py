"""A fit that is cut off anywhere ends with the bytes of one that is not."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from housing.members import make_member
from housing.members.watch import watched
from housing.panel import Panel
from training import interrupt
from training.checkpoint import Checkpoints, interval_seconds
from training.fit_watch import FitWatch
from training.resumable import packed

MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "xgboost": {"rounds": 9, "segment": 3, "rows": 500},
    "neural": {"steps": 30, "rows": 500, "networks": 2, "hidden": 8, "batch": 64},
    "catboost": {"rounds": 1500, "depth": 2, "rows": 500},
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    draw = np.random.default_rng(5)
    price = np.exp(11 + np.cumsum(0.004 + 0.01 * draw.standard_normal((6, 96)), axis=1))
    return Panel(tuple(f"Town {i}" for i in range(6)), np.datetime64("2002-01", "M") + np.arange(96), "M", price)


class CutOffError(Exception):
    """The process is gone."""


class Cut(FitWatch):
    """A watch under which the process ends after so many states have been kept."""

    left = 2

    def keep(self, done: int, state: Any) -> None:
        super().keep(done, state)
        if state:
            self.left -= 1
            if not self.left:
                raise CutOffError


@pytest.mark.parametrize("name", ["xgboost", "neural"])
def test_a_fit_goes_on_from_its_kept_state_to_the_same_bytes(name: str, panel: Panel, tmp_path: Path) -> None:
    fit = lambda: make_member(name, 1, **MEMBERS[name]).fit(panel, 6)  # noqa: E731
    checkpoints = Checkpoints(tmp_path, "key")
    with pytest.raises(CutOffError), watched(Cut(checkpoints, name, 95)):
        fit()
    assert checkpoints.latest(f"part/{name}") is not None
    resumed = FitWatch(Checkpoints(tmp_path, "key"), name, 95)
    assert resumed.restore() is not None
    with watched(resumed):
        again = packed(fit())
    plain = packed(fit())
    assert {file: content.tobytes() for file, content in again.items()} == {file: content.tobytes() for file, content in plain.items()}


def test_catboost_goes_on_from_its_snapshot_to_the_same_bytes(panel: Panel, tmp_path: Path) -> None:
    fit = lambda: make_member("catboost", 1, **MEMBERS["catboost"]).fit(panel, 6)  # noqa: E731
    checkpoints = Checkpoints(tmp_path, "key", interval_seconds=1.0)
    threading.Timer(1.6, lambda: signal.raise_signal(signal.SIGTERM)).start()
    started = time.monotonic()
    with interrupt.raise_on_termination():
        try:
            with watched(FitWatch(checkpoints, "catboost", 95)):
                fit()
        except interrupt.Interrupted:
            checkpoints.flush()
            assert time.monotonic() - started < interrupt.GRACE_SECONDS
            assert checkpoints.latest("part/catboost") is not None
        else:  # a quick machine
            interrupt._Order.held += 1
            time.sleep(max(0.0, 1.7 - (time.monotonic() - started)))
            interrupt._Order.held -= 1
    interrupt._Order.given = False
    with watched(FitWatch(Checkpoints(tmp_path, "key", interval_seconds=1.0), "catboost", 95)):
        again = packed(fit())
    plain = packed(fit())
    assert {file: content.tobytes() for file, content in again.items()} == {file: content.tobytes() for file, content in plain.items()}


def test_the_state_of_another_fit_is_not_taken_up(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    FitWatch(checkpoints, "xgboost", 60).keep(40, {"booster": np.zeros(1, np.uint8)})
    assert FitWatch(checkpoints, "xgboost", 66).restore() is None
    assert checkpoints.latest("part/xgboost") is None


def test_an_order_to_end_waits_for_the_end_of_a_step_and_keeps_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key", interval_seconds=1e9)
    watch = FitWatch(checkpoints, "neural", 60)
    with interrupt.raise_on_termination(), pytest.raises(interrupt.Interrupted):  # noqa: SIM117
        with watch.whole_steps():
            signal.raise_signal(signal.SIGTERM)
            assert watch.wants()
            watch.keep(7, {"parameter": np.zeros(2)})
    checkpoints.flush()
    saved = checkpoints.latest("part/neural")
    assert saved is not None
    assert saved.facts["done"] == 7


def test_offered_work_is_written_together_when_it_is_due(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key", interval_seconds=1e9)
    for unit in ("a", "b"):
        checkpoints.offer(unit, 1, lambda: ({"x": np.zeros(1)}, {}))
    assert not list(tmp_path.iterdir())
    checkpoints.flush()
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoints.cpu_seconds > 0


def test_a_second_writer_of_the_same_work_writes_nothing(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key", writes=False)
    checkpoints.offer("a", 1, lambda: ({"x": np.zeros(1)}, {}))
    checkpoints.flush()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["x", "0", "-1", "inf", "nan"])
def test_an_interval_without_meaning_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from housing.errors import SettingsError

    monkeypatch.setenv("HOUSING_CHECKPOINT_SECONDS", given)
    with pytest.raises(SettingsError, match="HOUSING_CHECKPOINT_SECONDS"):
        interval_seconds()
