"""Long tables become panels, and each fault is named with its row and its remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing.errors import DataError
from housing.panel import Panel
from housing.table import read_long_table, read_table_file


def table(*rows: tuple[object, ...], columns: str = "region,date,price") -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split(","))


def read(frame: pd.DataFrame, lags: dict[str, int] | None = None, national: tuple[str, ...] = ()) -> Panel:
    return read_long_table(frame, lags=lags or {}, national=national)


def test_absent_months_become_missing_columns() -> None:
    panel = read(table(("b", "2001-01", 1), ("b", "2001-02", 2), ("a", "2001-05", 3)))
    assert panel.regions == ("a", "b")
    assert [str(date) for date in panel.dates] == ["2001-01", "2001-02", "2001-03", "2001-04", "2001-05"]
    np.testing.assert_array_equal(panel.price, [[np.nan] * 4 + [3], [1, 2, np.nan, np.nan, np.nan]])


def test_a_file_that_gives_a_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("region,date,price,price\na,2001-01,1,2\n")
    with pytest.raises(DataError, match="column price: given twice; drop or rename one"):
        read_table_file(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "dates",
    [
        ["2001-01-01", "2001-04-01", "2002-01-01"],
        ["2001-03-31", "2001-06-30", "2002-03-31"],
        ["2001-02-15", "2001-05-15", "2002-02-15"],
        ["2001Q1", "2001Q2", "2002Q1"],
        ["2001-Q1", "2001-q2", "2002 Q1"],
    ],
)
def test_quarters_are_found_however_they_are_written(dates: list[str]) -> None:
    panel = read(table(*(("x", date, 10 + i) for i, date in enumerate(dates))))
    assert panel.frequency == "Q"
    assert [str(date) for date in panel.dates] == ["2001-01", "2001-04", "2001-07", "2001-10", "2002-01"]
    np.testing.assert_array_equal(panel.price[0], [10, 11, np.nan, np.nan, 12])


def test_datetimes_and_texts_give_the_same_panel() -> None:
    texts = table(("x", "2001-01-31", 1.0), ("x", "2001-02-28", 2.0))
    stamps = texts.assign(date=pd.to_datetime(texts.date))
    assert read(texts).dates.tolist() == read(stamps).dates.tolist()


def test_periods_after_the_last_price_are_dropped_with_their_covariates() -> None:
    panel = read(table(("x", "2001-01", 1, 5), ("x", "2001-02", None, 6), columns="region,date,price,sales"))
    assert len(panel.dates) == 1
    assert panel.covariates["sales"].tolist() == [[5.0]]


def test_a_national_column_has_one_value_per_date() -> None:
    frame = table(("a", "2001-01", 1, 9), ("b", "2001-01", 2, None), ("a", "2001-02", 3, 8), columns="region,date,price,cpi")
    panel = read(frame, {"cpi": 2}, ("cpi",))
    assert panel.national["cpi"].tolist() == [9.0, 8.0]
    assert panel.lags == {"cpi": 2}
    assert not panel.covariates
    frame.loc[1, "cpi"] = 7
    with pytest.raises(DataError, match="cpi: regions differ in 2001-01"):
        read(frame, {}, ("cpi",))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table(), "no rows"),
        (table(("x", "2001-01"), columns="region,date"), "column price: missing"),
        (table(("x", "2001-13", 1)), "date: row 1 is '2001-13'; write it as"),
        (table(("x", "2001-01", 1), ("x", "01/02/2001", 1)), "row 2 is '01/02/2001'"),
        (table(("x", "2001-02-41", 1)), "row 1"),
        (table(("x", None, 1)), "date: row 1"),
        (table((None, "2001-01", 1)), "region: row 1 is empty"),
        (table((" ", "2001-01", 1)), "region: row 1 is empty"),
        (table(("x", "2001-01", 0)), r"price: row 1 \(x\) is 0"),
        (table(("x", "2001-01", 5), ("x", "2001-02", -3)), r"price: row 2 \(x\) is -3"),
        (table(("x", "2001-01", "many")), "price: row 1 is 'many', not a finite number"),
        (table(("x", "2001-01", float("inf"))), "price: row 1 is 'inf'"),
        (table(("x", "2001-01", None)), "no price at all"),
        (table(("x", "2001-01-01", 5), ("x", "2001-01-31", 6)), "row 2: region 'x' already has 2001-01"),
        (table(("x", "2001-01", 5), ("x", "2001Q2", 6)), "split the table by frequency"),
        (table(("x", "2001-01", 5), ("x", "2002-01", 6), ("x", "2003-01", 6)), "12 months apart"),
        (table(("x", "2001-01", 1, "TX"), columns="region,date,price,state"), "state: row 1 is 'TX'"),
        (table(("x", "2001-01", 1, 1), columns="region,date,price,price"), "column price: given twice"),
        (table(("x", "2001-01", 1, 0), columns="region,date,price,Unnamed: 0"), "index=False"),
    ],
)
def test_each_fault_is_named(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(frame)
    assert "\n" not in str(caught.value)


def test_a_quarterly_region_in_a_monthly_table_is_refused() -> None:
    monthly = [("a", f"2001-{month:02d}", 1) for month in range(1, 13)]
    quarterly = [("b", f"2001-{month:02d}", 1) for month in (1, 4, 7, 10)]
    with pytest.raises(DataError, match="region 'b' is quarterly in a monthly table"):
        read(table(*monthly, *quarterly))


def test_a_national_column_must_exist() -> None:
    with pytest.raises(DataError, match="column cpi: missing"):
        read(table(("x", "2001-01", 1)), national=("cpi",))


def test_a_lag_needs_its_covariate() -> None:
    with pytest.raises(DataError, match="lag sales: no such covariate"):
        read(table(("x", "2001-01", 1)), {"sales": 1})


def test_region_codes_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv.gz"
    path.write_bytes(gzip.compress(b"region,date,price\n01001,2001-01,5\nNA,2001-01,7\n"))
    assert read_table_file(path).regions == ("01001", "NA")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not found"):
        read_table_file(tmp_path / "absent.csv")
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"region,date,price\n" + b"x,2001-01,1\n" * 5000)[:60])
    with pytest.raises(DataError, match="not a readable csv table"):
        read_table_file(cut)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="not a readable csv table"):
        read_table_file(tmp_path / "empty.csv")


def test_a_panel_survives_its_own_long_table() -> None:
    panel = read(table(*((region, f"2001-{m:02d}", m + len(region)) for region in ("a", "bb") for m in range(1, 13))))
    again = read_long_table(panel.to_frame(), lags={}, national=())
    assert again.regions == panel.regions
    np.testing.assert_array_equal(again.price, panel.price)
    np.testing.assert_array_equal(again.dates, panel.dates)
