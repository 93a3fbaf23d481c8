"""A panel hides what was not known: prices after the origin, covariates within their publication lag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing.errors import DataError
from housing.panel import Panel


def panel(periods: int = 6, frequency: str = "M") -> Panel:
    step = {"M": 1, "Q": 3}[frequency]
    values = np.arange(2.0 * periods).reshape(2, periods) + 1
    return Panel(
        regions=("a", "b"),
        dates=np.datetime64("2001-01", "M") + np.arange(periods) * step,
        frequency=frequency,  # type: ignore[arg-type]
        price=values,
        covariates={"sales": values * 10},
        national={"cpi": np.arange(float(periods))},
        lags={"cpi": 2},
    )


def test_a_lagged_covariate_is_unknown_at_its_lag() -> None:
    known = panel().until(3)
    np.testing.assert_array_equal(known.national["cpi"], [0, 1, np.nan, np.nan])
    np.testing.assert_array_equal(known.covariates["sales"], panel().covariates["sales"][:, :4])
    assert known.price.shape == (2, 4)


def test_a_lag_longer_than_the_history_leaves_nothing() -> None:
    assert np.isnan(panel().until(0).national["cpi"]).all()


def test_cutting_leaves_the_panel_itself_alone() -> None:
    whole = panel()
    whole.until(3).national["cpi"][:] = -1
    assert whole.national["cpi"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("origin", [-1, 6])
def test_an_origin_outside_the_panel_is_refused(origin: int) -> None:
    with pytest.raises(DataError, match=r"columns 0\.\.5"):
        panel().until(origin)


def test_the_column_of_a_date_is_that_of_its_quarter() -> None:
    quarters = panel(frequency="Q")
    assert [quarters.index(date) for date in ("2001-01", "2001-03-31", "2001-04", "2002-06")] == [0, 0, 1, 5]
    with pytest.raises(DataError, match=r"outside the panel, which covers 2001-01\.\.2002-04"):
        quarters.index("2000-12")


def test_future_dates_follow_the_calendar() -> None:
    assert [str(date) for date in panel(frequency="Q").future_dates(2)] == ["2002-07", "2002-10"]


def test_regions_are_selected_in_the_asked_order() -> None:
    chosen = panel().select(["b", "a"])
    assert chosen.regions == ("b", "a")
    assert chosen.covariates["sales"][0, 0] == panel().covariates["sales"][1, 0]
    with pytest.raises(DataError, match="region 'c': not in the panel"):
        panel().select(["c"])


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    whole = panel()
    whole.price[0, 2] = np.nan
    whole.save(tmp_path)
    again = Panel.load(tmp_path)
    assert (again.regions, again.frequency, again.lags) == (whole.regions, whole.frequency, dict(whole.lags))
    np.testing.assert_array_equal(again.price, whole.price)
    np.testing.assert_array_equal(again.dates, whole.dates)
    np.testing.assert_array_equal(again.covariates["sales"], whole.covariates["sales"])
    np.testing.assert_array_equal(again.national["cpi"], whole.national["cpi"])


def test_a_half_written_panel_is_refused(tmp_path: Path) -> None:
    panel().save(tmp_path)
    (tmp_path / "panel.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="write it again"):
        Panel.load(tmp_path)


def test_shapes_and_names_must_fit() -> None:
    with pytest.raises(DataError, match="price: shape"):
        Panel(("a",), np.array(["2001-01"], "datetime64[M]"), "M", np.ones((1, 2)))
    with pytest.raises(DataError, match="names must be unique"):
        Panel(("a", "a"), np.array(["2001-01"], "datetime64[M]"), "M", np.ones((2, 1)))
    with pytest.raises(DataError, match="lag cpi: no such covariate"):
        Panel(("a",), np.array(["2001-01"], "datetime64[M]"), "M", np.ones((1, 1)), lags={"cpi": 1})
