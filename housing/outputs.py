"""Backtests as csv files for other programs. Prices in price units, dates as YYYY-MM-01."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np

from housing.atomic import write_atomically
from housing.backtest import Backtest
from housing.forecast import QUANTILES
from housing.panel import Months, Panel

BACKTEST_HEADER = "member,region,origin,date,horizon,quantile,value"
DRAWDOWN_HEADER = "member,region,origin,probability"


def write_backtest_csv(panel: Panel, backtest: Backtest, path: Path) -> None:
    """One row per member, region, origin, horizon and quantile that was forecast; gzipped when `path` ends in .gz."""
    blocks = [_member_rows(panel, backtest, name) for name in backtest.values]
    _write(path, BACKTEST_HEADER + "\n" + "".join(blocks))


def write_drawdown_csv(panel: Panel, backtest: Backtest, path: Path) -> None:
    """One row per method, region and origin at which the region was at risk; gzipped when `path` ends in .gz."""
    dates = _days(panel.dates[backtest.origins])
    regions = [_quoted(name) for name in backtest.regions]
    lines = [DRAWDOWN_HEADER]
    for name, probability in backtest.drawdown.items():
        rows = zip(*np.nonzero(np.isfinite(probability)), strict=True)
        lines += [f"{name},{regions[n]},{dates[o]},{probability[o, n]:.6g}" for o, n in rows]
    _write(path, "\n".join(lines) + "\n")


def _member_rows(panel: Panel, backtest: Backtest, name: str) -> str:
    """The rows of one member: repeated parts are text already, only the values are formatted."""
    values = backtest.values[name]
    prices = np.exp(values.astype(np.float64))
    step = np.arange(1, backtest.horizon + 1)
    first = panel.dates[0]
    dates = [_days(first + (origin + step) * panel.months_per_period) for origin in backtest.origins]
    origins = _days(panel.dates[backtest.origins])
    regions = [_quoted(region) for region in backtest.regions]
    known = np.isfinite(values).all(axis=-1)
    blocks = []
    for o, n, h in zip(*np.nonzero(known), strict=True):
        head = f"{name},{regions[n]},{origins[o]},{dates[o][h]},{h + 1},"
        blocks.append((_ROW % tuple(prices[o, n, h])).replace("@", head))
    return "".join(blocks)


_ROW = "".join(f"@{level:g},%.8g\n" for level in QUANTILES)


def _days(months: Months) -> list[str]:
    return [f"{month}-01" for month in np.datetime_as_string(months, unit="M")]


def _quoted(name: str) -> str:
    """`name` as one csv field."""
    field = io.StringIO()
    csv.writer(field, lineterminator="").writerow([name])
    return field.getvalue()


def _write(path: Path, text: str) -> None:
    content = text.encode()
    write_atomically(path, gzip.compress(content, compresslevel=4, mtime=0) if path.name.endswith(".gz") else content)
