"""The plan before anything that costs: shown, then asked for, unless `-y` says yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.plan import Plan

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan and do nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def agree(plan: Plan, *, yes: bool, dry_run: bool, as_json: bool = False, default: bool = True) -> None:
    """Show the plan and go on when the user agrees; else end the command.

    Without a terminal nobody can be asked: then `-y` is needed. `default` is what Enter means.
    """
    if dry_run:
        _show(plan, as_json)
        raise typer.Exit(0)
    if not as_json:
        _show(plan, as_json=False)
    if yes:
        return
    if not sys.stdin.isatty():
        typer.echo("housing: nobody can be asked here; add -y to go on, or --dry-run to see the plan alone", err=True)
        raise typer.Exit(2)
    typer.confirm("Go on?", abort=True, default=default, err=True)


def _show(plan: Plan, as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(plan.as_json()))
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    lines = [*plan.steps, f"price: {plan.price}", f"undo: {plan.undo}"]
    console = Console(stderr=True)
    if console.is_terminal:
        console.print(Panel(Text("\n".join(lines)), title=plan.title, title_align="left"))
    else:
        typer.echo("\n  ".join([f"plan: {plan.title}", *lines]), err=True)
