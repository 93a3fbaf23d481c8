"""The members of an ensemble share the rows of one origin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from housing.members.rows import RowSource
from housing.panel import Panel


def newest(panel: Panel) -> np.ndarray:
    return np.array([len(panel.dates) - 1])


def test_rows_of_the_same_origin_are_made_once(synthetic_model: Path) -> None:
    panel = Panel.load(synthetic_model)
    first = RowSource.of(panel, newest(panel), 3)
    assert RowSource.of(panel, newest(panel), 3) is first


def test_rows_of_anything_else_are_not_those(synthetic_model: Path) -> None:
    panel = Panel.load(synthetic_model)
    first = RowSource.of(panel, newest(panel), 3)
    other = panel.select(panel.regions[:2])
    assert len(RowSource.of(other, newest(other), 3).base) == 2
    assert RowSource.of(panel, newest(panel), 2).base.shape[2] == 2
    earlier = RowSource.of(panel, newest(panel) - 5, 3)
    assert not np.array_equal(earlier.base, first.base)
    again = RowSource.of(panel, newest(panel), 3)
    np.testing.assert_array_equal(again.block.arranged(again.block.names), first.block.arranged(first.block.names))
