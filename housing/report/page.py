"""The page around the chapters: one file, no request to anywhere, light and dark, screen and paper."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("style.css")


def page(title: str, subtitle: str, chapters: Sequence[str]) -> str:
    """The whole document."""
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text()}</style></head>"
        f"<body><main><header><h1>{escape(title)}</h1><p>{subtitle}</p></header>{''.join(chapters)}</main></body></html>\n"
    )
