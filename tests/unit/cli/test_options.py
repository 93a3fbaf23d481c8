"""How `--origins` and `--lag` are read."""

from __future__ import annotations

import numpy as np
import pytest
import typer

from cli.lags import parse_lags
from cli.origins import parse_origins
from housing.errors import DataError
from housing.panel import Panel


@pytest.fixture
def panel() -> Panel:
    """Monthly from 2010-01, 36 months."""
    return Panel(("a",), np.datetime64("2010-01", "M") + np.arange(36), "M", np.full((1, 36), 100.0))


def test_months_become_columns_in_order_without_repeats(panel: Panel) -> None:
    assert parse_origins("2010-03, 2010-01,2010-03", panel, 3) == [0, 2]


def test_dots_go_on_in_the_steps_before_them(panel: Panel) -> None:
    assert parse_origins("2010-01,2010-07,...,2011-07", panel, 3) == [0, 6, 12, 18]


def test_dots_at_the_end_go_on_as_long_as_the_horizon_was_observed(panel: Panel) -> None:
    assert parse_origins("2010-01,2010-07,...", panel, 6) == [0, 6, 12, 18, 24]
    assert parse_origins("2010-01,2010-07,...", panel, 5) == [0, 6, 12, 18, 24, 30]


@pytest.mark.parametrize("text", ["2010-01,...,2011-01", "...", "2010-07,2010-01,...,2011-01", "", "soon"])
def test_origins_without_meaning_are_a_usage_error(text: str, panel: Panel) -> None:
    with pytest.raises(typer.BadParameter):
        parse_origins(text, panel, 3)


def test_a_month_outside_the_panel_is_named(panel: Panel) -> None:
    with pytest.raises(DataError, match="1999-01"):
        parse_origins("1999-01", panel, 3)


def test_lags_are_read_as_periods() -> None:
    assert parse_lags(["sales=1", "rate=0"]) == {"sales": 1, "rate": 0}
    assert parse_lags(None) == {}


@pytest.mark.parametrize("text", ["sales", "sales=", "=1", "sales=-1", "sales=x"])
def test_a_lag_without_meaning_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="NAME=PERIODS"):
        parse_lags([text])
