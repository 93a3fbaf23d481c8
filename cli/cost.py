"""`housing cost`: before a run by profile, after it by execution."""

from __future__ import annotations

from typing import Annotated, Any

import typer

ProfileOption = Annotated[str | None, typer.Option("--profile", help="batch, realtime or hybrid; HOUSING_PROFILE when absent.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(cost)


def cost(
    profile: ProfileOption = None,
    execution: Annotated[str | None, typer.Option(help="Id or ARN of an execution, or `newest`: what it did cost.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What a month costs, or what an execution did cost."""
    import json

    from rich.console import Console

    from cli import money
    from pipelines.settings import Settings

    chosen: dict[str, Any] = {"profile": profile} if profile else {}
    settings = Settings(**chosen)
    if execution is not None:
        from pipelines.cost.execution import cost_of_execution, find

        spent = cost_of_execution(find(execution, settings), settings)
        if as_json:
            typer.echo(json.dumps(money.execution_json(spent)))
        else:
            Console().print(money.execution_table(spent))
        return
    from pipelines.cost.month import estimate_month
    from pipelines.export import export_cached

    estimate = estimate_month(export_cached(settings), settings)
    if as_json:
        typer.echo(json.dumps(money.month_json(estimate)))
    else:
        Console().print(money.month_table(estimate), soft_wrap=True)
