"""Small pieces of HTML and numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from housing.metrics import Interval

MISSING = "&ndash;"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """A table of ready HTML cells. A header that starts with '<' heads a column of text; the others hold numbers."""
    left = [header.startswith("<") for header in headers]
    head = "".join(
        f'<th scope="col"{_css("text" if is_text else "")}>{header.lstrip("<")}</th>' for header, is_text in zip(headers, left, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_css('text' if is_text else '')}>{cell}</td>" for cell, is_text in zip(row, left, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table{_css(css)}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def section(title: str, lead: str, *parts: str, anchor: str) -> str:
    """A chapter: its title is the finding's subject, its lead the finding in words."""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2><p class="lead">{lead}</p>{"".join(parts)}</section>'


def figure(picture: str, caption: str, css: str = "") -> str:
    return f"<figure{_css(css)}>{picture}<figcaption>{caption}</figcaption></figure>"


def number(value: float, digits: int = 2) -> str:
    """A number with a true minus sign."""
    return minus(f"{value:.{digits}f}") if math.isfinite(value) else MISSING


def minus(shown: str) -> str:
    """A number's text with a true minus sign."""
    return shown.replace("-", "\N{MINUS SIGN}")


def percent(value: float, digits: int = 0, sign: bool = False) -> str:
    """A fraction as a percentage, with a true minus sign."""
    if not math.isfinite(value):
        return MISSING
    shown = f"{value * 100:{'+' if sign else ''}.{digits}f}%"
    zero = f"{0.0:.{digits}f}%"
    return zero if shown in (f"+{zero}", f"-{zero}") else minus(shown)


def years(label: str) -> str:
    """An era as people write it: 2006-2009 becomes 2006-09 with a dash."""
    first, dash, last = label.partition("-")
    return f"{first}&#8288;&ndash;&#8288;{last[2:]}" if dash else first


def between(interval: Interval, digits: int = 2) -> str:
    """The bounds of an interval, or that there are too few origins for one."""
    if not math.isfinite(interval.low):
        return "too few origins for an interval"
    return f"{interval.level:.0%} interval {number(interval.low, digits)} to {number(interval.high, digits)}"


def _css(name: str) -> str:
    return f' class="{name}"' if name else ""
