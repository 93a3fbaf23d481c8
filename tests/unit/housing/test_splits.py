"""Origins keep their horizon inside the panel, and no split may learn from the future of what it predicts."""

from __future__ import annotations

import numpy as np
import pytest

from housing.errors import SettingsError
from housing.metrics import auc
from housing.panel import Panel
from housing.splits import matured, refuse_leak, rolling_origins


def panel(periods: int) -> Panel:
    return Panel(("a",), np.datetime64("2000-01", "M") + np.arange(periods), "M", np.ones((1, periods)))


def test_origins_count_back_from_the_last_whole_horizon() -> None:
    assert rolling_origins(panel(100), 12, 6, count=3) == [75, 81, 87]


def test_origins_run_from_start_to_end() -> None:
    assert rolling_origins(panel(100), 12, 6, start="2005-01", end="2006-01") == [60, 66, 72]
    assert rolling_origins(panel(100), 12, 6, start="2005-03", end="2006-01") == [66, 72]


def test_an_end_without_its_horizon_moves_back() -> None:
    assert rolling_origins(panel(100), 12, 6, start="2006-07", end="2008-04")[-1] == 87


@pytest.mark.parametrize("count", [20, 1000])
def test_too_many_origins_are_refused(count: int) -> None:
    with pytest.raises(SettingsError, match="leave room for"):
        rolling_origins(panel(100), 12, 6, count=count)


def test_a_panel_shorter_than_the_horizon_has_no_origin() -> None:
    with pytest.raises(SettingsError, match="leave room for 0"):
        rolling_origins(panel(10), 12, 1, count=1)


def test_either_a_count_or_a_start_is_needed() -> None:
    for wrong in ({}, {"count": 2, "start": "2001-01"}):
        with pytest.raises(SettingsError, match="either"):
            rolling_origins(panel(100), 12, 6, **wrong)  # type: ignore[arg-type]


def test_an_origin_matures_when_its_last_period_is_published() -> None:
    assert matured([10, 20, 30], at=32, horizon=12) == [10, 20]
    assert matured([10, 20, 30], at=32, horizon=12, lag=1) == [10]


def test_a_purged_split_passes_and_one_period_less_does_not() -> None:
    refuse_leak(range(50), range(61, 70), 12)
    with pytest.raises(SettingsError, match="training column 49"):
        refuse_leak(range(50), range(60, 70), 12)
    refuse_leak([], [1], 12)


def test_random_folds_reach_a_false_auc_and_are_refused() -> None:
    """Labels that share their window look predictable to a memory when folds are drawn at random; purged, they are not."""
    rng = np.random.default_rng(0)
    length, horizon = 600, 12
    shocks = rng.random(length + horizon) < 0.02
    label = np.array([shocks[t + 1 : t + 1 + horizon].any() for t in range(length)], dtype=float)
    columns = np.arange(length)
    shuffled = rng.permutation(length)
    random_train, random_test = np.sort(shuffled[:450]), np.sort(shuffled[450:])
    assert auc(label[random_test], nearest(columns[random_train], label[random_train], random_test)) > 0.9
    purged_train, purged_test = columns[: 450 - horizon], columns[450:]
    assert auc(label[purged_test], nearest(purged_train, label[purged_train], purged_test)) == 0.5
    with pytest.raises(SettingsError, match="leak the future"):
        refuse_leak(random_train, random_test, horizon)
    refuse_leak(purged_train, purged_test, horizon)


def nearest(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A memory: the mean label of the two training columns closest in time."""
    order = np.argsort(np.abs(test[:, None] - train), axis=1, kind="stable")[:, :2]
    return labels[order].mean(1)
