"""The first chapters: what is ahead, where the risk is, and every region in one ranked table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from housing.evaluation.onsets import ALARM_LEVEL
from housing.forecast import Forecast
from housing.labels import DrawdownDefinition
from housing.panel import Panel
from housing.report import charts, fan, markup
from housing.report.outlook import Outlook

MOST_AT_RISK = 6
LONGEST_TABLE = 150


def risk_section(panel: Panel, forecast: Forecast, outlooks: Sequence[Outlook], dollars: bool) -> str:
    """Fan charts of the regions most at risk, each with what drives its risk."""
    drawable = [outlook for outlook in outlooks if np.isfinite(forecast.values[outlook.forecast_row]).all()]
    ranked = [outlook for outlook in drawable if outlook.covered and np.isfinite(outlook.probability)]
    shown = (ranked or sorted(drawable, key=lambda outlook: np.nan_to_num(outlook.middle, nan=np.inf)))[:MOST_AT_RISK]
    cards = "".join(_card(panel, forecast, outlook, _Widest.of(shown), dollars) for outlook in shown)
    which = "highest probability of a drawdown" if ranked else "weakest outlook"
    lead = f"The regions with the {which}, where their prices are expected and why."
    guide = (
        "Thin line: observed prices; bold line: their yearly mean; shaded: where prices are expected, from the middle outwards with 20%, "
        "40%, 60% and 80% probability; the labels are the 80% range and the median at the end of the horizon."
    )
    if any(outlook.drivers or outlook.movers for outlook in shown):
        guide += (
            " Bars: what moves the median price at the end of the horizon, in percent, beyond the level of the last year, the season and "
            "an average region's change; and what most raises (right) and lowers (left) the risk, in log-odds, against an average region "
            "at its peak."
        )
    return markup.section("Most at risk", lead, f'<div class="cards">{cards}</div><p class="guide">{guide}</p>', anchor="risk")


def table_section(panel: Panel, forecast: Forecast, outlooks: Sequence[Outlook], definition: DrawdownDefinition, dollars: bool) -> str:
    """Every region, most at risk first."""
    shown = outlooks[:LONGEST_TABLE]
    scale = _shared_scale(shown)
    rows = [_row(panel, definition, outlook, scale, dollars) for outlook in shown]
    headers = ["<Region", "<Ten years", "Last price", "Change", "<80% range of the change", "Below peak", "Drawdown risk"]
    rest = f" The other {len(outlooks) - len(shown)} regions are in the forecast file." if len(outlooks) > len(shown) else ""
    lead = (
        f"Change: the expected price over the next {len(forecast.dates) * panel.months_per_period} months against the same season a year "
        "before; the bar is its 80% range, the dot its median, the line no change. "
        f"Below peak: how far the {_level(definition)} stands below its trailing peak.{rest}"
    )
    return markup.section("All regions", lead, markup.table(headers, rows, "regions"), anchor="regions")


def risk_cell(outlook: Outlook, definition: DrawdownDefinition) -> str:
    """The probability on a tint that deepens with it, or why there is none."""
    if np.isfinite(outlook.probability):
        if not outlook.covered:
            return f'<span class="note">small market, about {markup.percent(outlook.probability)}</span>'
        tint = min(1.0, float(outlook.probability) / 0.5)
        return f'<span class="risk" style="--tint:{tint * 100:.0f}%">{markup.percent(outlook.probability)}</span>'
    if outlook.in_drawdown(definition.threshold):
        return '<span class="note">in a drawdown</span>'
    return '<span class="note">not assessed</span>'


def _row(panel: Panel, definition: DrawdownDefinition, outlook: Outlook, scale: tuple[float, float], dollars: bool) -> list[str]:
    ahead = np.isfinite(outlook.middle)
    return [
        escape(outlook.region),
        fan.sparkline(panel, outlook.row),
        fan.money(outlook.price, dollars) or markup.MISSING,
        markup.percent(outlook.middle, 1, sign=True),
        charts.range_bar(outlook.low, outlook.middle, outlook.high, scale) if ahead else markup.MISSING,
        markup.percent(outlook.depth, 1),
        risk_cell(outlook, definition),
    ]


def _shared_scale(outlooks: Sequence[Outlook]) -> tuple[float, float]:
    """The axis of all range bars: wide enough for all but the most extreme regions, zero included."""
    bounds = np.array([[outlook.low, outlook.high] for outlook in outlooks])
    bounds = bounds[np.isfinite(bounds).all(1)]
    if not len(bounds):
        return -0.02, 0.02
    return min(-0.02, float(np.quantile(bounds[:, 0], 0.04))), max(0.02, float(np.quantile(bounds[:, 1], 0.96)))


@dataclass(frozen=True)
class _Widest:
    """The axes that all cards share: the largest contribution to a price, and to a risk."""

    price: float
    risk: float

    @classmethod
    def of(cls, outlooks: Sequence[Outlook]) -> _Widest:
        def largest(parts: Iterable[Mapping[str, float]]) -> float:
            return max((abs(value) for part in parts for value in part.values()), default=1.0)

        return cls(largest(outlook.movers for outlook in outlooks), largest(outlook.drivers for outlook in outlooks))


def _card(panel: Panel, forecast: Forecast, outlook: Outlook, widest: _Widest, dollars: bool) -> str:
    chance = markup.percent(outlook.probability) if np.isfinite(outlook.probability) else ""
    alarm = " alarm" if outlook.probability >= ALARM_LEVEL else ""
    title = f'<h3>{escape(outlook.region)}<span class="chance{alarm}">{chance}</span></h3>'
    words = (
        f"{markup.percent(outlook.middle, 1, sign=True)} expected on a year before, now {markup.percent(outlook.depth, 1)} from the peak"
    )
    why = ""
    if outlook.movers:
        bars = charts.diverging(outlook.movers, widest.price, "what moves the price", percent=True, rise_is_good=True)
        why += f"<h4>What moves the price</h4>{bars}"
    if outlook.drivers:
        why += f"<h4>What drives the risk</h4>{charts.diverging(outlook.drivers, widest.risk, 'what raises and lowers the risk')}"
    return f'<article class="card">{title}<p>{words}</p>{fan.fan_chart(panel, forecast, outlook, dollars)}{why}</article>'


def _level(definition: DrawdownDefinition) -> str:
    words = "price" if definition.smoothing == 1 else "smoothed price"
    return f"real {words}" if definition.deflator else words
