"""Long tables `region,date,price[,covariate...]` to a Panel: the one place where a calendar is inferred and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from housing.errors import DataError
from housing.panel import Floats, Frequency, Months, Panel

REQUIRED = ("region", "date", "price")
DATE_FORMS = "YYYY-MM, YYYY-MM-DD or YYYYQn"
MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "null", "None", ".")

Integers = npt.NDArray[np.int64]


def read_table_file(path: Path | str, lags: Mapping[str, int] | None = None, national: tuple[str, ...] = ()) -> Panel:
    """Read a long table from a csv or csv.gz file; see `read_long_table`.

    Errors: DataError when the file is absent, is not a table or breaks a rule of the long table.
    """
    path = Path(path)
    try:
        # read as a row: in a header pandas would rename the second of two equal columns
        names = pd.Index(pd.read_csv(path, nrows=1, header=None, dtype=str, keep_default_na=False).iloc[0])
        _refuse_twice(names)
        missing = {name: list(MISSING_WORDS) for name in names if name != "region"}
        frame = pd.read_csv(path, dtype={"region": str, "date": str}, keep_default_na=False, na_values=missing, low_memory=False)
    except FileNotFoundError as error:
        raise DataError(f"file {path}: not found; give the path of a csv or csv.gz file") from error
    except (OSError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable"
        raise DataError(f"file {path}: not a readable csv table ({reason}); write it as csv or csv.gz with a header") from error
    return read_long_table(frame, lags=lags or {}, national=national)


def read_long_table(frame: pd.DataFrame, *, lags: Mapping[str, int], national: tuple[str, ...] = ()) -> Panel:
    """A panel from a long table with one row per region and period.

    Parameters
    ----------
    frame
        Columns `region`, `date` (datetime, or text as YYYY-MM, YYYY-MM-DD, YYYYQn), `price` (positive or missing),
        and any number of numeric covariates. Rows in any order; absent rows become NaN.
    lags
        Covariate name -> publication lag in periods relative to the price.
    national
        Covariates with one value per date, equal in all regions.

    Returns
    -------
    Panel with regions in alphabetical order, from the first date to the last one that has a price.
    Errors: DataError naming the column, the row and the remedy.
    """
    _check_columns(frame, national)
    regions, rows = _regions(frame["region"])
    calendar = _calendar(frame["date"])
    _refuse_mixed(calendar, rows, regions)
    _refuse_duplicates(calendar, rows, regions)
    prices = _numbers(frame, "price")
    bad = np.flatnonzero(prices <= 0)
    if len(bad):
        raise DataError(f"price: row {bad[0] + 1} ({regions[rows[bad[0]]]}) is {prices[bad[0]]:g}; a price is positive or empty")
    observed = np.isfinite(prices)
    if not observed.any():
        raise DataError("price: the table has no price at all; fill the column")
    length = int(calendar.columns[observed].max()) + 1

    def grid(values: Floats) -> Floats:
        cells = np.full((len(regions), len(calendar.dates)), np.nan)
        cells[rows, calendar.columns] = values
        return cells[:, :length].copy()

    covariates = {str(name): grid(_numbers(frame, name)) for name in frame.columns if name not in REQUIRED}
    return Panel(
        regions=tuple(str(name) for name in regions),
        dates=calendar.dates[:length],
        frequency=calendar.frequency,
        price=grid(prices),
        covariates={name: values for name, values in covariates.items() if name not in national},
        national={name: _one_per_date(name, covariates[name], calendar) for name in national},
        lags=dict(lags),
    )


@dataclass(frozen=True)
class _Calendar:
    """The regular calendar of a table, and the column of each of its rows."""

    dates: Months
    frequency: Frequency
    columns: Integers


def _check_columns(frame: pd.DataFrame, national: tuple[str, ...]) -> None:
    for name in (*REQUIRED, *national):
        if name not in frame.columns:
            raise DataError(f"column {name}: missing; the table has {', '.join(map(str, frame.columns)) or 'no columns'}")
    unnamed = [name for name in frame.columns if str(name).startswith("Unnamed:")]
    if unnamed:
        raise DataError("column: one has no name; write the table without its index (to_csv(index=False))")
    _refuse_twice(frame.columns)
    if frame.empty:
        raise DataError("table: it has no rows; give one row per region and period")


def _refuse_twice(names: pd.Index[Any]) -> None:
    named = names[names != ""]
    if named.has_duplicates:
        raise DataError(f"column {named[named.duplicated()][0]}: given twice; drop or rename one")


def _regions(column: pd.Series[Any]) -> tuple[npt.NDArray[np.str_], Integers]:
    """Distinct names in alphabetical order, and the place of each row's name among them."""
    codes, uniques = pd.factorize(column)
    names = np.array([str(name).strip() for name in uniques], dtype=np.str_)
    absent = np.flatnonzero(np.append(names == "", True)[codes])
    if len(absent):
        raise DataError(f"region: row {absent[0] + 1} is empty; name every region")
    regions, places = np.unique(names, return_inverse=True)
    return regions, places[codes]


def _calendar(column: pd.Series[Any]) -> _Calendar:
    """Months since 1970 of each row, floored to the period that the table's dates imply."""
    codes, uniques = pd.factorize(column)
    distinct, quarterly = _months(pd.Series(uniques))
    unreadable = np.append(distinct < 0, True)[codes]
    if unreadable.any():
        row = int(np.flatnonzero(unreadable)[0])
        raise DataError(f"date: row {row + 1} is {column.iloc[row]!r}; write it as {DATE_FORMS}")
    if quarterly.any() and not quarterly.all():
        month, quarter = uniques[int(quarterly.argmin())], uniques[int(quarterly.argmax())]
        raise DataError(f"date: {month!r} stands among quarters like {quarter!r}; split the table by frequency")
    spacing = int(np.gcd.reduce(np.diff(np.unique(distinct)))) if len(np.unique(distinct)) > 1 else 1
    step = 3 if quarterly.all() or spacing == 3 else 1
    if spacing not in (1, 3) and not quarterly.all():
        raise DataError(f"date: rows are {spacing} months apart; the calendar must be monthly or quarterly")
    months = distinct[codes] // step
    periods = np.arange(months.min(), months.max() + 1)
    return _Calendar(np.datetime64("0000-01", "M") + periods * step, "Q" if step == 3 else "M", months - months.min())


def _months(values: pd.Series[Any]) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Months since year 0 of distinct dates (-1: unreadable), and which were written as quarters."""
    if pd.api.types.is_datetime64_any_dtype(values):
        since_1970 = values.to_numpy(dtype="datetime64[M]").astype(np.int64)
        return since_1970 + 1970 * 12, np.zeros(len(values), dtype=bool)
    text = values.astype(str).str.strip()
    month = text.str.extract(r"^(\d{4})-(\d{1,2})(?:-(?:0?[1-9]|[12]\d|3[01])(?:[T ].*)?)?$").astype(float).to_numpy()
    quarter = text.str.extract(r"^(\d{4})[- ]?[Qq]([1-4])$").astype(float).to_numpy()
    is_quarter = np.isfinite(quarter[:, 0])
    parts = np.where(is_quarter[:, None], np.column_stack([quarter[:, 0], quarter[:, 1] * 3 - 2]), month)
    valid = (parts[:, 1] >= 1) & (parts[:, 1] <= 12)
    return np.where(valid, parts[:, 0] * 12 + parts[:, 1] - 1, -1).astype(np.int64), is_quarter


def _refuse_mixed(calendar: _Calendar, rows: Integers, regions: npt.NDArray[np.str_]) -> None:
    """A monthly table in which some region of four rows or more has quarterly dates only."""
    if calendar.frequency == "Q":
        return
    phases = np.zeros((len(regions), 3), dtype=np.int64)
    np.add.at(phases, (rows, calendar.columns % 3), 1)
    mixed = np.flatnonzero((phases.sum(1) >= 4) & (phases.max(1) == phases.sum(1)))
    if len(mixed):
        raise DataError(f"date: region {str(regions[mixed[0]])!r} is quarterly in a monthly table; split the table by frequency")


def _refuse_duplicates(calendar: _Calendar, rows: Integers, regions: npt.NDArray[np.str_]) -> None:
    cells = rows * len(calendar.dates) + calendar.columns
    order = np.argsort(cells, kind="stable")
    repeated = np.flatnonzero(np.diff(cells[order]) == 0)
    if len(repeated):
        row = int(order[repeated[0] + 1])
        raise DataError(
            f"row {row + 1}: region {str(regions[rows[row]])!r} already has {calendar.dates[calendar.columns[row]]}; "
            "give one row per region and period"
        )


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero((np.isnan(values) & frame[name].notna().to_numpy()) | np.isinf(values))
    if len(bad):
        raise DataError(f"{name}: row {bad[0] + 1} is {str(frame[name].iloc[bad[0]])!r}, not a finite number; correct it or leave it empty")
    return values


def _one_per_date(name: str, grid: Floats, calendar: _Calendar) -> Floats:
    """The value that all regions share at each date, NaN where none has it."""
    low: Floats = np.fmin.reduce(grid, axis=0)
    differing = np.flatnonzero(low < np.fmax.reduce(grid, axis=0))
    if len(differing):
        raise DataError(f"{name}: regions differ in {calendar.dates[differing[0]]}; a national column has one value per date")
    return low
