"""`housing status` and `housing teardown`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.plan import DryRunOption, JsonOption, YesOption, agree


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(status)
    app.command()(teardown)


def status(as_json: JsonOption = False) -> None:
    """Pipelines, models, endpoints, and what they cost."""
    import json
    from dataclasses import asdict

    from pipelines.settings import Settings
    from pipelines.status import status as take

    settings = Settings()
    found = take(settings)
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"usd_per_hour": found.usd_per_hour}, default=str))
        return
    typer.echo(f"pipeline {settings.pipeline_name}: {'' if found.executions else 'no execution'}")
    for name, state, started in found.executions:
        typer.echo(f"  {name}  {state:<10} {started:%Y-%m-%d %H:%M}")
    typer.echo(f"models {settings.model_package_group}: {'' if found.packages else 'none'}")
    for version, state in found.packages:
        typer.echo(f"  version {version}  {state}")
    for one in found.endpoints:
        machines = f"{one.instances} x {one.instance_type}" if one.instance_type else "no instances"
        money = f"${one.usd_per_hour:.3f} an hour, ${one.usd_so_far:,.2f} since {one.created:%Y-%m-%d %H:%M}"
        typer.echo(f"endpoint {one.name}: {one.status}, {one.serving}, version {one.version}, {machines}, {money}")
    if not found.endpoints:
        typer.echo("endpoints: none")
    typer.echo(f"function {settings.function_name}: {found.function}")
    typer.echo(f"standing price: ${found.usd_per_hour:.3f} an hour; `housing cost` has the month, `housing doctor` what is wasted")


def teardown(
    everything: Annotated[bool, typer.Option("--everything", help="The stacks, the registry and all data too.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what was made; what stays is listed."""
    import json

    from pipelines.aws import for_caller
    from pipelines.plan import Plan
    from pipelines.settings import Settings
    from pipelines.teardown import inventory
    from pipelines.teardown import teardown as remove

    settings = for_caller(Settings())
    found = inventory(settings, everything)
    steps = [f"removes {one}" for one in found.removed] or ["there is nothing to remove"]
    undo = "none for data; `housing bootstrap`, `housing run` and `housing deploy` make the rest anew"
    plan = Plan("teardown", (*steps, *(f"keeps {one}" for one in found.kept)), "nothing; what costs by the hour ends", undo)
    agree(plan, yes=yes, dry_run=dry_run, as_json=as_json, default=False)
    remove(settings, everything)
    if as_json:
        typer.echo(json.dumps(vars(found)))
        return
    typer.echo(f"removed {len(found.removed)} things")
    for one in found.kept:
        typer.echo(f"stays: {one}")
