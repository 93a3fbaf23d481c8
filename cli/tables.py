"""Forecasts and scores as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from pipelines.transform import Row

SHOWN_LEVELS = ("0.1", "0.3", "0.5", "0.7", "0.9")
RANKED = 10


def prediction_table(prediction: Mapping[str, Any]) -> Table:
    """One region: a row per period ahead, a column per quantile, the drawdown probability in the caption."""
    first = date.fromisoformat(prediction["start"])
    probability = prediction.get("drawdown_probability")
    risk = "not defined (already in a drawdown, or too little history)" if probability is None else f"{probability:.1%}"
    grid = Table(
        title=f"{prediction['item_id']}: price from {first:%B %Y}",
        caption=f"probability of a price drawdown: {risk}; model {prediction['model_version']}",
        title_justify="left",
        caption_justify="left",
        box=None,
    )
    grid.add_column("ahead", justify="right")
    for level in SHOWN_LEVELS:
        grid.add_column(f"{float(level):.0%}", justify="right")
    for step, values in enumerate(zip(*(prediction[level] for level in SHOWN_LEVELS), strict=True), start=1):
        grid.add_row(str(step), *(f"{value:,.0f}" for value in values))
    return grid


def ranking_table(rows: Sequence[Row]) -> Table:
    """The regions of highest drawdown probability, with the forecast at the end of the horizon."""
    horizon = max(row.horizon for row in rows)
    last = [row for row in rows if row.horizon == horizon]
    ranked = sorted(last, key=lambda row: (-(row.drawdown_probability or 0.0), row.region))[:RANKED]
    grid = Table(
        title=f"{len(last)} regions, the {len(ranked)} most at risk; price {horizon} periods ahead ({last[0].month[:7]})",
        title_justify="left",
        box=None,
    )
    grid.add_column("region")
    for heading in ("drawdown", "10%", "median", "90%"):
        grid.add_column(heading, justify="right")
    for row in ranked:
        risk = "" if row.drawdown_probability is None else f"{row.drawdown_probability:.1%}"
        low, median, high = (row.quantiles[position] for position in (0, 4, 8))
        grid.add_row(row.region, risk, f"{low:,.0f}", f"{median:,.0f}", f"{high:,.0f}")
    return grid


def headline(evaluation: Mapping[str, Any]) -> str:
    """The two numbers of the gate in words."""
    gate = evaluation["gate"]
    return (
        f"quantile loss {gate['loss_ratio']:.2f} of the best baseline's; "
        f"the 80% interval held {gate['coverage80']:.0%} of the prices of the backtest"
    )
