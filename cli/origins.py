"""The option `--origins`: months separated by commas, with `...` for the steps between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from housing.panel import Panel

GAP = "..."


def parse_origins(text: str, panel: Panel, horizon: int) -> list[int]:
    """Columns of the origins in `text`, ascending.

    `2011-01,2011-07,...,2014-07` goes on in the steps of the two months before the dots up to the one after them; dots at the end
    go on as long as the horizon was observed. Errors: a usage error names what does not fit, DataError a month outside the panel.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    columns: list[int] = []
    for position, part in enumerate(parts):
        if part != GAP:
            columns.append(_column(part, panel))
            continue
        following = parts[position + 1] if position + 1 < len(parts) else None
        last = _column(following, panel) if following else len(panel.dates) - 1 - horizon
        step = columns[-1] - columns[-2] if len(columns) > 1 else 0
        if step <= 0:
            raise typer.BadParameter("write two ascending months before '...'", param_hint="--origins")
        columns.extend(range(columns[-1] + step, last + 1, step))
    if not columns:
        raise typer.BadParameter("give at least one month, e.g. 2014-07", param_hint="--origins")
    return sorted(set(columns))


def _column(month: str, panel: Panel) -> int:
    try:
        return panel.index(month)
    except ValueError as error:
        raise typer.BadParameter(f"{month!r}: write a month as 2014-07", param_hint="--origins") from error
