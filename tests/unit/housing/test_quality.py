"""The data gate reports what looks wrong and stops what can't be forecast from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from housing.errors import DataError
from housing.panel import Panel
from housing.quality import Whole, check_quality
from housing.sources import open_source


def panel(length: int = 72, rows: int = 3) -> Panel:
    rng = np.random.default_rng(0)
    price = np.exp(5 + np.cumsum(rng.normal(0, 0.01, (rows, length)), axis=1))
    names = tuple(f"r{i}" for i in range(rows))
    return Panel(names, np.datetime64("2000-01", "M") + np.arange(length), "M", price, covariates={"sales": price * 2})


def findings(broken: Panel) -> dict[str, tuple[str, ...]]:
    return {finding.name: finding.regions for finding in check_quality(broken, 12).findings}


def test_a_sound_panel_has_no_finding() -> None:
    quality = check_quality(panel(), 12)
    assert not quality.findings
    assert (quality.regions, quality.periods, quality.missing) == (3, 72, 0.0)
    quality.require()


def test_each_fault_names_its_regions() -> None:
    broken = panel(rows=8)
    price = broken.price
    price[0] = np.nan
    price[1, :40] = np.nan
    price[2, -8:] = np.nan
    price[3, 20:30] = np.nan
    price[4, 30] *= 10
    price[5] = 100
    assert findings(broken) == {
        "no_price": ("r0",),
        "short": ("r1",),
        "stale": ("r2",),
        "gaps": ("r3",),
        "jumps": ("r4",),
        "constant": ("r5",),
    }
    check_quality(broken, 12).require()


def test_a_panel_too_short_for_its_horizon_is_refused() -> None:
    with pytest.raises(DataError, match="the longest region has 40 observations, 48 are needed for a horizon of 12"):
        check_quality(panel(40), 12).require()
    check_quality(panel(48), 12).require()


def test_an_empty_panel_is_refused() -> None:
    empty = Panel((), np.array([], "datetime64[M]"), "M", np.empty((0, 0)))
    with pytest.raises(DataError, match="0 observations"):
        check_quality(empty, 12).require()


def test_a_negative_price_is_refused() -> None:
    broken = panel()
    broken.price[1, 5] = -1
    with pytest.raises(DataError, match=r"1 of 3 regions have prices that are not positive.*r1"):
        check_quality(broken, 12).require()


def test_an_empty_covariate_is_reported() -> None:
    broken = panel()
    broken.covariates["sales"][:] = np.nan
    assert "empty_covariate" in findings(broken)
    assert check_quality(broken, 12).covariates == {"sales": 1.0}


def test_the_bundled_panel_passes_and_its_report_is_json() -> None:
    quality = check_quality(open_source("texas").load(), 12)
    quality.require()
    assert quality.missing == pytest.approx(616 / 8602)
    assert "gaps" in json.loads(json.dumps(quality.to_json()))["findings"][0]["name"]


def test_a_part_is_held_against_the_gate_of_the_whole() -> None:
    short = Panel(("a",), np.datetime64("2001-01", "M") + np.arange(60), "M", np.full((1, 60), np.nan))
    short.price[0, :5] = 100.0
    with pytest.raises(DataError, match="5 observations"):
        check_quality(short, 6).require()
    found = check_quality(short, 6, Whole(longest=60, empty=("sales",)))
    found.require()
    assert {finding.name for finding in found.findings} >= {"short", "empty_covariate"}
