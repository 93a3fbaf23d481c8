"""`housing tune`: search the hyperparameters of a member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.plan import DryRunOption, JsonOption, YesOption, agree

if TYPE_CHECKING:
    from pipelines.tuning import Tuning


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(tune)


def tune(  # noqa: PLR0917
    member: Annotated[str, typer.Option(help="xgboost, catboost, neural or linear.")],
    max_jobs: Annotated[int, typer.Option(min=1, max=500, help="Training jobs in all.")] = 20,
    parallel: Annotated[int, typer.Option(min=1, max=100, help="Training jobs at a time.")] = 2,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try hyperparameters of a member on the data of the newest execution, by Hyperband."""
    import json
    from dataclasses import asdict

    from pipelines import prices, tuning
    from pipelines.aws import for_caller
    from pipelines.errors import ExecutionError
    from pipelines.plan import Plan
    from pipelines.settings import Settings

    settings = for_caller(Settings())
    job = tuning.trained(member, settings)
    machine, limit = job["ResourceConfig"]["InstanceType"], job["StoppingCondition"]["MaxRuntimeInSeconds"]
    hourly = prices.load(settings.prices_file).sagemaker_usd_per_hour(machine)
    seconds = float(job.get("TrainingTimeInSeconds", limit))
    plan = Plan(
        f"tune {member}",
        (f"{max_jobs} training jobs on {machine}, {parallel} at a time; Hyperband ends most of them early",),
        f"at most about ${max_jobs * seconds / 3600 * hourly:.2f}, when each takes as long as the last one and none is ended",
        "`housing tune` changes no model; stop the job with `aws sagemaker stop-hyper-parameter-tuning-job`",
    )
    agree(plan, yes=yes, dry_run=dry_run, as_json=as_json)
    name = tuning.start(member, max_jobs, parallel, settings)
    typer.echo(f"tuning job {name}: started", err=as_json)
    try:
        final = _show(tuning.follow(name, settings), err=as_json)
    except KeyboardInterrupt:
        typer.echo(f"the tuning job {name} goes on", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(asdict(final)))
    if final.best is None or final.status != "Completed":
        raise ExecutionError(f"tuning job {name}: {final.status}; {final.reason or 'no training job reached a scored origin'}")
    if as_json:
        return
    chosen = ", ".join(f"{key}={value}" for key, value in sorted(final.best.hyperparameters.items()))
    typer.echo(f"best: loss {final.best.loss:.4f} with {chosen}")


def _show(states: Iterator[Tuning], err: bool) -> Tuning:
    """One line whenever a training job has ended, on standard error where another form goes to standard output."""
    said: set[str] = set()
    last: Tuning | None = None
    for last in states:
        for trial in last.trials:
            if trial.status not in {"InProgress", "Stopping"} and trial.name not in said:
                said.add(trial.name)
                loss = "no value" if trial.loss is None else f"loss {trial.loss:.4f}"
                typer.echo(f"{len(said)}: {trial.status.lower()}, {loss}, {trial.hyperparameters}", err=err)
    assert last is not None  # noqa: S101 (a tuning job has a state)
    return last
