"""Charts of scores: a whisker in a table cell, curves over the horizon, and the reliability diagram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from housing.metrics import Interval, ReliabilityBin
from housing.report import svg

MOST_DRIVERS = 5

CELL_WIDTH, CELL_HEIGHT = 190.0, 22.0


def whisker(interval: Interval, low: float, high: float, strong: bool) -> str:
    """A value with its interval on the axis low..high, and a mark at 1: the baseline."""
    x = svg.Scale(low, high, 6, CELL_WIDTH - 6)
    middle = CELL_HEIGHT / 2
    body = [svg.segment(x(1), 1, x(1), CELL_HEIGHT - 1, "one")]
    kind = "strong" if strong else "plain"
    if math.isfinite(interval.low):
        body.append(svg.segment(x(interval.low), middle, x(interval.high), middle, f"whisker {kind}"))
    body.append(svg.dot(x(interval.value), middle, 4 if strong else 3, f"point {kind}"))
    return svg.picture(CELL_WIDTH, CELL_HEIGHT, body, f"{interval.value:.2f} of the baseline", "cell")


def range_bar(low: float, middle: float, high: float, scale: tuple[float, float]) -> str:
    """An 80% range with its median on a shared axis, and a mark at no change."""
    width = 150.0
    x = svg.Scale(*scale, 4, width - 4)
    centre = CELL_HEIGHT / 2
    body = [svg.segment(x(0), 1, x(0), CELL_HEIGHT - 1, "one")]
    low_end, high_end, inside = (min(max(value, scale[0]), scale[1]) for value in (low, high, middle))
    body.append(svg.bar(x(low_end), x(high_end), centre, 7, "range down" if middle < 0 else "range"))
    body.append(svg.dot(x(inside), centre, 3, "point down" if middle < 0 else "point strong"))
    return svg.picture(width, CELL_HEIGHT, body, f"{low:+.1%} to {high:+.1%}, median {middle:+.1%}", "cell")


def diverging(contributions: Mapping[str, float], widest: float, title: str, *, percent: bool = False, rise_is_good: bool = False) -> str:
    """What most raises and lowers a number, largest first: bars to the right and to the left."""
    rows = sorted(contributions.items(), key=lambda item: -abs(item[1]))[:MOST_DRIVERS]
    width, height = 420.0, 16.0
    up, down = ("lower", "raise") if rise_is_good else ("raise", "lower")
    x = svg.Scale(-widest, widest, 150, width - 40)
    body = [svg.segment(x(0), 0, x(0), height * len(rows), "one")]
    for index, (name, value) in enumerate(rows):
        centre = height * (index + 0.5)
        body.append(svg.text(104, centre + 3.5, name, "tick", "end"))
        body.append(svg.bar(x(0), x(value), centre, 9, up if value > 0 else down))
        label = (f"{math.expm1(value):+.1%}" if percent else f"{value:+.1f}").replace("-", "\N{MINUS SIGN}")
        body.append(svg.text(x(value) + (4 if value >= 0 else -4), centre + 3.5, label, "tick", "start" if value >= 0 else "end"))
    return svg.picture(width, height * max(len(rows), 1), body, title, "drivers")


def curves(
    series: Mapping[str, Sequence[float]],
    strong: str,
    label: str,
    *,
    reference: float | None = None,
    percent: bool = False,
    limits: tuple[float, float] | None = None,
) -> str:
    """One line per member over the horizon; the strong one is bold, the others are named at their ends."""
    width, height, left, right, top, bottom = 520.0, 250.0, 44.0, 96.0, 12.0, 34.0
    known = [value for values in series.values() for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = limits or (min(0.0, *known), max(known) * 1.05)
    length = max(len(values) for values in series.values())
    x, y = svg.Scale(1, max(length, 2), left, width - right), svg.Scale(low, high, height - bottom, top)
    body = []
    for tick in y.ticks(5):
        body.append(svg.segment(left, y(tick), width - right, y(tick), "grid"))
        body.append(svg.text(left - 6, y(tick) + 3.5, f"{tick:.0%}" if percent else f"{tick:g}", "tick", "end"))
    body += [svg.text(x(step), height - bottom + 15, str(step)) for step in range(1, length + 1)]
    body.append(svg.text((left + width - right) / 2, height - 4, label, "axis"))
    if reference is not None:
        body.append(svg.segment(left, y(reference), width - right, y(reference), "one"))
    ends = {name: y(values[-1]) for name, values in series.items() if math.isfinite(values[-1])}
    places = dict(zip(sorted(ends, key=lambda name: ends[name]), _spread(sorted(ends.values()), 13), strict=True))
    plain = [name for name in series if name != strong]
    for name, values in sorted(series.items(), key=lambda item: item[0] == strong):
        kind = "strong" if name == strong else f"plain dash{plain.index(name) % 4}"
        body.append(svg.line([x(step) for step in range(1, len(values) + 1)], [y(value) for value in values], f"curve {kind}"))
        if name in places:
            body.append(svg.text(width - right + 8, places[name] + 3.5, name, f"end {kind}", "start"))
    return svg.picture(width, height, body, label, "curves")


def reliability(bins: Sequence[ReliabilityBin]) -> str:
    """Promised probability against the frequency that came; the area of a dot is its number of rows."""
    size, left, bottom = 300.0, 44.0, 36.0
    x, y = svg.Scale(0, 1, left, size - 10), svg.Scale(0, 1, size - bottom, 10)
    body = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        body.append(svg.segment(left, y(tick), size - 10, y(tick), "grid"))
        body.append(svg.text(left - 6, y(tick) + 3.5, f"{tick:.0%}", "tick", "end"))
        body.append(svg.text(x(tick), size - bottom + 15, f"{tick:.0%}"))
    body.append(svg.segment(x(0), y(0), x(1), y(1), "one"))
    most = max((part.count for part in bins), default=1)
    body.append(svg.line([x(part.mean_probability) for part in bins], [y(part.frequency) for part in bins], "curve strong"))
    for part in bins:
        radius = 2.5 + 7 * math.sqrt(part.count / most)
        title = f"{part.count} rows: promised {part.mean_probability:.0%}, came {part.frequency:.0%}"
        body.append(svg.dot(x(part.mean_probability), y(part.frequency), radius, "point strong", title))
    body.append(svg.text((left + size) / 2, size - 3, "probability that was given", "axis"))
    return svg.picture(size, size, body, "reliability diagram", "square")


def _spread(places: list[float], gap: float) -> list[float]:
    """Ascending places, each at least `gap` below the one before."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + gap) if found else place)
    return found
