"""`housing local`: the emulator on this computer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="SageMaker on this computer.", no_args_is_help=True)

IMAGES = Path(__file__).parents[1] / "images.yaml"
"""Which command stands for which image: beside the packages in a checkout."""


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when it answers; else serve in this terminal.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="That of the last run, or a free one, when absent.")] = None,
    images: Annotated[Path, typer.Option(envvar="EMULATOR_IMAGES", help="Which command stands for which image.")] = IMAGES,
) -> None:
    """Start the emulator, or find the one that runs."""
    from emulator import lifecycle

    running = lifecycle.up(port=port, detach=detach, images=images)
    if detach:
        typer.echo(f'emulator at {running.url}; next: eval "$(housing local env)"', err=True)


@app.command()
def down() -> None:
    """Stop the emulator and everything that it started; what it stored stays."""
    from emulator import lifecycle

    typer.echo("emulator stopped" if lifecycle.down() else "no emulator runs")


@app.command()
def env() -> None:
    """Print the exports that send every AWS client to the emulator."""
    from emulator import lifecycle

    for name, value in lifecycle.env().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def status() -> None:
    """Print what the emulator says of itself, as JSON."""
    import json

    from emulator import lifecycle

    typer.echo(json.dumps(lifecycle.status(), indent=1, default=str))


@app.command()
def logs(lines: Annotated[int, typer.Option(min=1, help="How many.")] = 100) -> None:
    """Print the last lines of the emulator's log."""
    from emulator import lifecycle

    for line in lifecycle.logs(lines=lines):
        typer.echo(line)


@app.command()
def interrupt(job: Annotated[str, typer.Argument(help="A managed Spot training job that trains.")]) -> None:
    """Take the Spot instance of a training job away, now: it goes on from its checkpoint."""
    from emulator import lifecycle

    lifecycle.interrupt(job)
    typer.echo(f"the Spot instance of {job} is taken away")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the emulator and remove all that it stored."""
    from emulator import lifecycle

    if not yes:
        typer.confirm("Remove all models, data and executions of the emulator?", abort=True)
    lifecycle.reset()
    typer.echo("emulator reset; next: `housing local up --detach`")
