"""Forecasts and scores as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pipelines.transform import Row

SHOWN_LEVELS = ("0.1", "0.3", "0.5", "0.7", "0.9")
RANKED = 10


def prediction_table(prediction: Mapping[str, Any]) -> Group:
    """One region: a row per period ahead, a column per quantile, the drawdown probability below."""
    first = date.fromisoformat(prediction["start"])
    grid = _grid("ahead", *(f"{float(level):.0%}" for level in SHOWN_LEVELS))
    for step, values in enumerate(zip(*(prediction[level] for level in SHOWN_LEVELS), strict=True), start=1):
        grid.add_row(str(step), *(f"{value:,.0f}" for value in values))
    risk = _percent(prediction.get("drawdown_probability")) or "not defined (already in a drawdown, or too little history)"
    title = Text(f"{prediction['item_id']}: price from {first:%B %Y}, by quantile", "bold")
    return Group(title, grid, Text(f"probability of a price drawdown: {risk}; model {prediction['model_version']}"))


def ranking_table(rows: Sequence[Row]) -> Group:
    """The regions of highest drawdown probability among those it was scored for, with the forecast at the end of the horizon."""
    horizon = max(row.horizon for row in rows)
    last = [row for row in rows if row.horizon == horizon]
    ranked = sorted(last, key=lambda row: (not row.labelled, -(row.drawdown_probability or 0.0), row.region))[:RANKED]
    grid = _grid("region", "drawdown", "10%", "median", "90%")
    for row in ranked:
        low, median, high = (row.quantiles[position] for position in (0, 4, 8))
        grid.add_row(row.region, _percent(row.drawdown_probability), f"{low:,.0f}", f"{median:,.0f}", f"{high:,.0f}")
    title = f"{len(ranked)} of {len(last)} regions, most at risk first; prices {horizon} periods ahead ({last[0].month[:7]})"
    return Group(Text(title, "bold"), grid)


def headline(evaluation: Mapping[str, Any]) -> str:
    """The two numbers of the gate in words."""
    gate = evaluation["gate"]
    loss = f"quantile loss {gate['loss_ratio']:.2f} of the best baseline's"
    return f"{loss}; the 80% interval held {gate['coverage80']:.0%} of the prices of the backtest"


def _grid(first: str, *others: str) -> Table:
    """A table without lines: the first column as it is, the others to the right."""
    grid = Table(box=None)
    grid.add_column(first, justify="left" if first == "region" else "right")
    for heading in others:
        grid.add_column(heading, justify="right")
    return grid


def _percent(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.1%}"
