"""Fan charts: years of history, then the quantiles of the forecast as nested bands; and the sparkline of a region."""

from __future__ import annotations

import numpy as np

from housing.forecast import Forecast
from housing.labels import trailing_mean
from housing.panel import Floats, Panel
from housing.report import svg
from housing.report.outlook import Outlook

HISTORY_YEARS = 5
SPARK_YEARS = 10

WIDTH, HEIGHT = 420.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 54.0, 12.0, 24.0


def fan_chart(panel: Panel, forecast: Forecast, outlook: Outlook, dollars: bool) -> str:
    """Observed prices (thin), their yearly mean (bold) and the forecast of one region."""
    months, prices = _history(panel, outlook.row, HISTORY_YEARS)
    ahead = forecast.dates.astype("datetime64[M]").astype(np.int64)
    quantiles = forecast.values[outlook.forecast_row]
    finite = np.concatenate([prices[np.isfinite(prices)], quantiles.ravel()])
    x = svg.Scale(float(months[0]), float(ahead[-1]), LEFT, WIDTH - RIGHT)
    margin = 0.06 * (finite.max() - finite.min())
    y = svg.Scale(float(finite.min() - margin), float(finite.max() + margin), HEIGHT - BOTTOM, TOP)
    body = [*_axes(x, y, dollars), *_fan(x, y, ahead, quantiles, (float(months[-1]), float(prices[-1])))]
    body.append(svg.line([x(m) for m in months], [y(p) for p in prices], "observed"))
    mean = trailing_mean(panel.price[outlook.row][None], panel.season)[0][-len(prices) :]
    body.append(svg.line([x(m) for m in months], [y(p) for p in mean], "mean"))
    end = x(float(ahead[-1])) + 5
    labels = [quantiles[-1, i] for i in (-1, len(forecast.levels) // 2, 0)]
    for place, value in zip(_apart([y(value) for value in labels], 11), labels, strict=True):
        body.append(svg.text(end, place + 3.5, money(value, dollars), "end", "start"))
    return svg.picture(WIDTH, HEIGHT, body, f"{outlook.region}: price history and forecast", "fan")


def sparkline(panel: Panel, row: int, width: float = 110, height: float = 26) -> str:
    """The yearly mean of the last ten years, with a dot at the end."""
    months, _ = _history(panel, row, SPARK_YEARS)
    mean = trailing_mean(panel.price[row][None], panel.season)[0][-len(months) :]
    known = mean[np.isfinite(mean)]
    if not len(known):
        return ""
    x = svg.Scale(float(months[0]), float(months[-1]), 2, width - 4)
    y = svg.Scale(float(known.min()), float(known.max()), height - 4, 4)
    body = [svg.line([x(m) for m in months], [y(p) for p in mean], "spark")]
    if np.isfinite(mean[-1]):
        body.append(svg.dot(x(float(months[-1])), y(float(mean[-1])), 2.2, "sparkdot"))
    return svg.picture(width, height, body, "ten years of prices, yearly mean", "sparkline")


def money(value: float, dollars: bool) -> str:
    """A short price: $182k for dollars, three digits for an index."""
    if not np.isfinite(value):
        return ""
    if not dollars:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"${value / 1e6:.2f}M" if value >= 1e6 else f"${value / 1e3:.0f}k"


def _history(panel: Panel, row: int, years: int) -> tuple[np.ndarray, Floats]:
    length = min(years * panel.season, len(panel.dates))
    return panel.dates[-length:].astype("datetime64[M]").astype(np.int64), panel.price[row, -length:]


def _axes(x: svg.Scale, y: svg.Scale, dollars: bool) -> list[str]:
    body = []
    for value in y.ticks(4):
        body.append(svg.segment(LEFT, y(value), WIDTH - RIGHT, y(value), "grid"))
        body.append(svg.text(LEFT - 6, y(value) + 3.5, money(value, dollars), "tick", "end"))
    for year in range(int(x.low) // 12 + 1, int(x.high) // 12 + 1):
        body.append(svg.segment(x(year * 12), HEIGHT - BOTTOM, x(year * 12), HEIGHT - BOTTOM + 4, "grid"))
        body.append(svg.text(x(year * 12), HEIGHT - 7, str(1970 + year)))
    return body


def _fan(x: svg.Scale, y: svg.Scale, ahead: np.ndarray, quantiles: Floats, last: tuple[float, float]) -> list[str]:
    """Nested bands from the outermost levels inwards, the median, and a line at the last known period and price."""
    now, price = last
    xs = [x(month) for month in ahead]
    count = quantiles.shape[1]
    body = [svg.segment(x(now), TOP, x(now), HEIGHT - BOTTOM, "now")]
    for level in range(count // 2):
        lows, highs = quantiles[:, level], quantiles[:, count - 1 - level]
        body.append(svg.band(xs, [y(v) for v in lows], [y(v) for v in highs], "band"))
    middle = quantiles[:, count // 2]
    first = [(x(now), y(price))] if np.isfinite(price) else []
    path = [*first, *zip(xs, (y(v) for v in middle), strict=True)]
    return [*body, svg.line([p[0] for p in path], [p[1] for p in path], "median")]


def _apart(places: list[float], gap: float) -> list[float]:
    """Places in ascending order, pushed at least `gap` apart around the middle one."""
    top, middle, bottom = places
    return [min(top, middle - gap), middle, max(bottom, middle + gap)]
