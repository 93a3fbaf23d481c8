"""`housing pipeline export` and `housing pipeline validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The pipeline definition as a file.", no_args_is_help=True)


@app.command()
def export(out: Annotated[Path | None, typer.Option(help="File to write; standard output when absent.")] = None) -> None:
    """Build the SageMaker pipeline definition and check it; needs no credentials and no network."""
    from pipelines.atomic import write_text
    from pipelines.export import export as export_definition
    from pipelines.settings import Settings

    text = export_definition(Settings())
    if out is None:
        typer.echo(text, nl=False)
        return
    write_text(text, out)
    typer.echo(f"wrote {out}; next: `housing pipeline validate {out}`")


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="A definition as JSON.", exists=True, dir_okay=False)]) -> None:
    """Check every step of a definition against the service's own models; names each fault by step and field."""
    import json

    from pipelines.validate import faults

    try:
        found = faults(json.loads(file.read_text()))
    except ValueError as error:
        raise typer.BadParameter(f"{file}: is not JSON: {error}") from error
    for fault in found:
        typer.echo(fault, err=True)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{file}: no faults")
