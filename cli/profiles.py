"""`housing profile list` and `housing profile show`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The three deployment patterns.", no_args_is_help=True)


@app.command(name="list")
def list_profiles() -> None:
    """One line per pattern."""
    from pipelines import profile

    for name in profile.NAMES:
        typer.echo(f"{name:<9} {profile.load(name).summary}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="batch, realtime or hybrid.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Print every number of a pattern with its reason."""
    from rich.console import Console

    from cli.money import profile_table
    from pipelines import profile

    chosen = next((known for known in profile.NAMES if known == name), None)
    if chosen is None:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(profile.NAMES)}", param_hint="NAME")
    if as_json:
        typer.echo(profile.load(chosen).model_dump_json(indent=1))
        return
    Console().print(profile_table(profile.load(chosen)))
