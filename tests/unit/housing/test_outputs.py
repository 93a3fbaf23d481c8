"""The csv files hold every forecast once, in price units, and nothing where there was none."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing.backtest import Backtest
from housing.forecast import QUANTILES
from housing.outputs import write_backtest_csv, write_drawdown_csv
from housing.panel import Panel


@pytest.fixture
def panel() -> Panel:
    price = np.full((2, 12), 100.0)
    return Panel(('Bay, "East" 100%', "Plain"), np.datetime64("2001-01", "M") + np.arange(12) * 3, "Q", price)


@pytest.fixture
def backtest(panel: Panel) -> Backtest:
    values = np.random.default_rng(0).normal(5, 0.1, (2, 2, 3, 9)).astype(np.float32)
    values[1, 1] = np.nan
    drawdown = np.array([[0.25, np.nan], [0.5, 1e-7]])
    return Backtest(panel.regions, np.array([6, 10]), 3, {"naive": values, "ensemble": values + 1}, {"ensemble": drawdown})


@pytest.mark.parametrize("name", ["backtest.csv", "backtest.csv.gz"])
def test_every_forecast_is_one_row_per_quantile(panel: Panel, backtest: Backtest, name: str, tmp_path: Path) -> None:
    write_backtest_csv(panel, backtest, tmp_path / name)
    frame = pd.read_csv(tmp_path / name)
    assert list(frame) == ["member", "region", "origin", "date", "horizon", "quantile", "value"]
    assert len(frame) == 2 * 3 * 3 * 9
    assert not frame.duplicated(["member", "region", "origin", "horizon", "quantile"]).any()
    row = frame[(frame.member == "ensemble") & (frame.region == panel.regions[0]) & (frame.origin == "2002-07-01") & (frame.horizon == 2)]
    assert set(row.date) == {"2003-01-01"}
    assert row["quantile"].tolist() == list(QUANTILES)
    np.testing.assert_allclose(row.value, np.exp(backtest.values["ensemble"][0, 0, 1].astype(float)), rtol=1e-6)
    assert set(frame[frame.origin == "2003-07-01"].region) == {panel.regions[0]}


def test_dates_after_the_panel_follow_its_calendar(panel: Panel, backtest: Backtest, tmp_path: Path) -> None:
    write_backtest_csv(panel, backtest, tmp_path / "b.csv")
    frame = pd.read_csv(tmp_path / "b.csv")
    assert sorted(set(frame[frame.origin == "2003-07-01"].date)) == ["2003-10-01", "2004-01-01", "2004-04-01"]


def test_the_same_backtest_gives_the_same_bytes(panel: Panel, backtest: Backtest, tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        write_backtest_csv(panel, backtest, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).startswith(b"member,region")


def test_regions_not_at_risk_have_no_drawdown_row(panel: Panel, backtest: Backtest, tmp_path: Path) -> None:
    write_drawdown_csv(panel, backtest, tmp_path / "drawdown.csv")
    rows = list(csv.reader((tmp_path / "drawdown.csv").open()))
    assert rows == [
        ["member", "region", "origin", "probability"],
        ["ensemble", panel.regions[0], "2002-07-01", "0.25"],
        ["ensemble", panel.regions[0], "2003-07-01", "0.5"],
        ["ensemble", panel.regions[1], "2003-07-01", "1e-07"],
    ]
