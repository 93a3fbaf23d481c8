"""The plan: scored origins half a year apart, each with its whole future, after a warm-up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing.errors import DataError, SettingsError
from housing.panel import Panel
from training.plan import Plan


@pytest.fixture
def panel() -> Panel:
    months = np.datetime64("2000-01", "M") + np.arange(187)
    return Panel(("A",), months, "M", np.full((1, 187), 100.0))


def test_scored_origins_are_half_a_year_apart_and_end_where_the_future_ends(panel: Panel) -> None:
    plan = Plan.make(panel, horizon=12, scored=8)
    assert plan.scored == ("2011-01", "2011-07", "2012-01", "2012-07", "2013-01", "2013-07", "2014-01", "2014-07")
    assert set(plan.scored) < set(plan.origins)
    assert plan.columns(panel) == sorted(plan.columns(panel))


def test_models_of_successive_months_share_their_origins(panel: Panel) -> None:
    month_before = Plan.make(panel.until(185), horizon=12, scored=7)
    assert month_before.scored == Plan.make(panel, horizon=12, scored=8).scored[:-1]
    assert Plan.make(panel.until(181), horizon=12, scored=7).scored == month_before.scored


def test_a_plan_comes_back_as_it_was_saved(panel: Panel, tmp_path: Path) -> None:
    plan = Plan.make(panel, 12, 4)
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan


def test_more_origins_than_the_panel_has_room_for_are_refused(panel: Panel) -> None:
    with pytest.raises(SettingsError, match="origins"):
        Plan.make(panel, 12, 80)


@pytest.mark.parametrize("text", ["", "{}", '{"horizon": 1, "origins": ["soon"], "scored": []}'])
def test_a_malformed_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DataError, match=r"plan\.json"):
        Plan.load(tmp_path)
