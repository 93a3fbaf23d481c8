"""Pictures as inline SVG text: scales, lines with gaps, bands. Colours are classes of the style sheet, so that they follow the theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

Numbers = Sequence[float] | npt.NDArray[np.floating]


@dataclass(frozen=True)
class Scale:
    """Linear map of low..high to the pixels start..stop."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return self.start + share * (self.stop - self.start)

    def ticks(self, count: int) -> list[float]:
        """Round numbers inside the scale, about `count` of them: 1, 2 or 5 times a power of ten apart."""
        span = (self.high - self.low) or abs(self.high) or 1.0
        power = 10.0 ** math.floor(math.log10(span / count))
        step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= count)
        first = math.ceil(self.low / step - 1e-9)
        return [round(k * step, 12) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def picture(width: float, height: float, body: Sequence[str], label: str, css: str = "") -> str:
    """A whole picture that scales with its column; `label` is what a screen reader says."""
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}" class="{css}">{"".join(body)}</svg>'


def line(xs: Numbers, ys: Numbers, css: str) -> str:
    """A polyline through finite points, broken where one is missing; lone points become dots."""
    parts, run = [], list[str]()
    for x, y in [*zip(xs, ys, strict=True), (math.nan, math.nan)]:
        if math.isfinite(x) and math.isfinite(y):
            run.append(f"{x:.1f} {y:.1f}")
            continue
        if len(run) == 1:
            run.append(run[0])
        if run:
            parts.append("M" + "L".join(run))
        run = []
    return f'<path class="{css}" d="{"".join(parts)}"/>' if parts else ""


def band(xs: Numbers, lows: Numbers, highs: Numbers, css: str) -> str:
    """The area between two lines."""
    points = [*zip(xs, highs, strict=True), *reversed(list(zip(xs, lows, strict=True)))]
    return f'<path class="{css}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}Z"/>'


def text(x: float, y: float, content: str, css: str = "tick", anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(content)}</text>'


def segment(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def dot(x: float, y: float, radius: float, css: str, title: str = "") -> str:
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{css}">{inside}</circle>'


def bar(x1: float, x2: float, y: float, height: float, css: str) -> str:
    """A horizontal bar between two x, centred on y."""
    left, width = min(x1, x2), abs(x2 - x1)
    return f'<rect x="{left:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" class="{css}"/>'
