"""`housing results`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(results)


def results(out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out")) -> None:
    """Fetch forecasts.csv, evaluation.json and report.html of the newest execution, and print a summary."""
    from rich.console import Console

    from cli.tables import headline, ranking_table
    from pipelines.results import fetch
    from pipelines.settings import Settings

    fetched = fetch(out, Settings())
    console = Console()
    console.print(ranking_table(fetched.rows))
    console.print(headline(fetched.evaluation), highlight=False, soft_wrap=True)
    typer.echo(f"wrote {out / 'forecasts.csv'}, {out / 'evaluation.json'}, {out / 'report.html'}; next: open {out / 'report.html'}")
