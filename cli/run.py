"""`housing run` and `housing stop`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cli.lags import LagOption, parse_lags
from cli.plan import DryRunOption, JsonOption, YesOption, agree

if TYPE_CHECKING:
    from housing.sources import Source
    from pipelines.settings import Settings
    from pipelines.snapshot import Snapshot


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(run)
    app.command()(stop)


def run(  # noqa: PLR0917 typer makes options of them
    panel: Annotated[str, typer.Option(help="`texas` (bundled) or a csv file: region,date,price[,covariate...].")] = "texas",
    lag: LagOption = None,
    attach: Annotated[bool, typer.Option("--attach", help="Follow the execution that already runs.")] = False,
    max_usd: Annotated[float | None, typer.Option(min=0, help="Do not start a run that is estimated to cost more.")] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train, judge and register a model: start the pipeline and follow it to its end."""
    from rich.console import Console

    from housing.sources import open_source
    from pipelines import execution, progress
    from pipelines.aws import for_caller
    from pipelines.campaign import see_through
    from pipelines.details import Details
    from pipelines.errors import ExecutionError
    from pipelines.follow import require_success
    from pipelines.settings import Settings

    console = Console(stderr=as_json)
    say = partial(typer.echo, err=as_json)
    settings = for_caller(Settings())
    if attach:
        execution_arn = execution.running(settings)
        if execution_arn is None:
            raise ExecutionError("no execution runs; start one with `housing run`")
    else:
        source = open_source(panel, parse_lags(lag))
        horizon = max(1, settings.horizon_months // source.load().months_per_period)  # a bad table is refused before any plan
        _agree(settings, max_usd, yes=yes, dry_run=dry_run, as_json=as_json)
        execution_arn = _launch(source, horizon, settings, say)
    try:
        look_up = Details(settings).of
        final = see_through(execution_arn, settings, say, lambda snapshots: progress.show(snapshots, console, look_up))
    except KeyboardInterrupt:
        typer.echo("the execution goes on; follow it with `housing run --attach`, end it with `housing stop`", err=True)
        raise typer.Exit(130) from None
    if as_json:
        _print_json(final)
    require_success(final, settings)
    say("registered a model package that waits for approval; next: `housing approve`")


def _print_json(final: Snapshot) -> None:
    """How the run ended, well or not: the execution, its steps, and the model package that it registered (null when none)."""
    import json

    registered = final.step("Register")
    typer.echo(json.dumps(asdict(final) | {"model_package_arn": (registered.detail or None) if registered else None}))


def _agree(settings: Settings, max_usd: float | None, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Hold the run to its budget, show the plan and ask."""
    from pipelines.capacity import choices
    from pipelines.cost.run import estimate_run, require_budget
    from pipelines.export import export_cached
    from pipelines.plan import plan_run

    estimate = estimate_run(export_cached(settings), settings)
    if max_usd is not None:
        require_budget(estimate, max_usd)
    ladder = tuple(f"where capacity lacks: {choice.described(settings)}" for choice in choices(settings)[1:])
    plan = plan_run(estimate, settings)
    agree(replace(plan, steps=(*plan.steps, *ladder)), yes=yes, dry_run=dry_run, as_json=as_json)


def _launch(source: Source, horizon: int, settings: Settings, say: Callable[[str], None]) -> str:
    """Start an execution on the source, or join the one that already works on it; returns its ARN."""
    from housing.sources import write_source_folder
    from pipelines.launch import launch

    with TemporaryDirectory() as folder:
        write_source_folder(source, Path(folder))
        launched = launch(Path(folder), horizon, settings, say)
    execution_id = launched.execution_arn.rpartition("/")[2]
    say(f"execution {execution_id}: " + ("runs already; following it" if launched.attached else "started"))
    return launched.execution_arn


def stop(as_json: JsonOption = False) -> None:
    """Stop the execution that runs."""
    import json

    from pipelines import execution
    from pipelines.settings import Settings

    settings = Settings()
    execution_arn = execution.running(settings)
    if execution_arn is not None:
        execution.stop(execution_arn, settings)
    if as_json:
        typer.echo(json.dumps({"stopping": execution_arn}))
        return
    if execution_arn is None:
        typer.echo("no execution runs")
        return
    typer.echo(f"stopping {execution_arn.rpartition('/')[2]}; next: `housing run` starts it again")
