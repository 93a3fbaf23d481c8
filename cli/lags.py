"""The option `--lag NAME=PERIODS`, which may be given several times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

LagOption = Annotated[list[str] | None, typer.Option("--lag", help="NAME=PERIODS: publication lag of a covariate of a file; repeatable.")]


def parse_lags(texts: Sequence[str] | None) -> dict[str, int]:
    """`["sales=1"]` -> `{"sales": 1}`; a usage error names the text that does not fit."""
    lags: dict[str, int] = {}
    for text in texts or ():
        name, separator, periods = text.partition("=")
        if not separator or not name or not periods.isdecimal():
            raise typer.BadParameter(f"{text!r}: write NAME=PERIODS, e.g. sales=1", param_hint="--lag")
        lags[name] = int(periods)
    return lags
