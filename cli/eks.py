"""`housing eks render`, `submit`, `status`, `logs` and `model`: trainings on Kubernetes instead of SageMaker."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cli.lags import LagOption, parse_lags
from cli.plan import DryRunOption, JsonOption, YesOption, agree

if TYPE_CHECKING:
    from pipelines.eks.job import JobRequest
    from pipelines.eks.watch import JobState
    from pipelines.settings import Settings

app = typer.Typer(help="Trainings on an EKS cluster instead of SageMaker.", no_args_is_help=True)

PanelOption = Annotated[str, typer.Option(help="`texas` (bundled) or a csv file: region,date,price[,covariate...].")]
ExecutionOption = Annotated[
    str | None, typer.Option(help="Train the steps of this pipeline execution (its ARN, or `newest`) instead of a panel.")
]
StepOption = Annotated[list[str] | None, typer.Option("--step", help="With --execution: a Train step, e.g. xgboost; repeatable.")]
AttemptOption = Annotated[int, typer.Option(min=1, help="Another number is another Job: for a training that has failed.")]


@app.command("render")
def eks_render(  # noqa: PLR0917 typer makes options of them
    panel: PanelOption = "texas",
    lag: LagOption = None,
    execution: ExecutionOption = None,
    step: StepOption = None,
    schedule: Annotated[str, typer.Option(help="Make it a CronJob: five fields in UTC, e.g. '0 6 2 * *'.")] = "",
    attempt: AttemptOption = 1,
) -> None:
    """Print the Kubernetes manifest of a training."""
    from pipelines.aws import for_caller
    from pipelines.eks.control import eks_render as render
    from pipelines.settings import Settings

    with TemporaryDirectory() as folder:
        request = _request(panel, lag, execution, step, attempt, for_caller(Settings()), Path(folder))
    typer.echo(render(request, schedule), nl=False)


@app.command("submit")
def eks_submit(  # noqa: PLR0917 typer makes options of them
    panel: PanelOption = "texas",
    lag: LagOption = None,
    execution: ExecutionOption = None,
    step: StepOption = None,
    attempt: AttemptOption = 1,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start a training on the cluster; the same training asked for again is the same Job."""
    import json

    from pipelines.aws import for_caller
    from pipelines.eks.control import connect
    from pipelines.eks.control import eks_submit as submit
    from pipelines.eks.plan import plan_training
    from pipelines.settings import Settings
    from pipelines.source import upload_source

    settings = for_caller(Settings())
    connect(settings)  # a cluster that is not there is said before any plan
    with TemporaryDirectory() as folder:
        request = _request(panel, lag, execution, step, attempt, settings, Path(folder))
        agree(plan_training(request, str(settings.eks_cluster), settings), yes=yes, dry_run=dry_run, as_json=as_json)
        if request.source_uri:
            upload_source(Path(folder), settings)
    done = submit(request, settings)
    if as_json:
        typer.echo(json.dumps(vars(done)))
        return
    state = "made" if done.created else "is there already (finished ones stay a day; --attempt 2 makes another)"
    typer.echo(f"job {done.name}: {state}; next: `housing eks status {done.name}`")


@app.command("status")
def eks_status(
    name: Annotated[str | None, typer.Argument(help="A Job; all of them when absent.")] = None, as_json: JsonOption = False
) -> None:
    """What trainings are doing, and why one waits or has failed."""
    import json
    from dataclasses import asdict

    from pipelines.eks.control import eks_status as status
    from pipelines.settings import Settings

    found = status(Settings(), name)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    if not found:
        typer.echo("no training; start one with `housing eks submit`")
    for one in found:
        for line in _lines(one):
            typer.echo(line)


@app.command("logs")
def eks_logs(
    name: Annotated[str, typer.Argument(help="A Job.")],
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="How many, from the end.")] = 200,
) -> None:
    """The last lines that a training has printed."""
    from pipelines.eks.control import eks_logs as logs
    from pipelines.settings import Settings

    typer.echo(logs(name, Settings(), lines), nl=False)


@app.command("model")
def eks_model() -> None:
    """The address of the newest approved model, as the serving pods' HOUSING_MODEL_URI wants it."""
    from pipelines.eks.control import eks_model as model
    from pipelines.settings import Settings

    typer.echo(model(Settings()))


def _request(  # noqa: PLR0917 the options of two commands
    panel: str, lag: list[str] | None, execution: str | None, step: list[str] | None, attempt: int, settings: Settings, folder: Path
) -> JobRequest:
    """The training that the options name; a panel is written to `folder`."""
    from housing.sources import open_source, write_source_folder
    from pipelines import execution as executions
    from pipelines.eks.control import of_execution, of_source

    if execution is not None:
        arn = executions.newest(settings) if execution == "newest" else execution
        return of_execution(arn, step or (), settings, attempt)
    if step:
        raise typer.BadParameter("needs --execution: a training from a panel makes every step", param_hint="--step")
    source = open_source(panel, parse_lags(lag))
    horizon = max(1, settings.horizon_months // source.load().months_per_period)
    write_source_folder(source, folder)
    return of_source(folder, horizon, settings, attempt)


def _lines(state: JobState) -> list[str]:
    interrupted = f", {state.interruptions} interrupted" if state.interruptions else ""
    head = f"job {state.name}: {state.state}, since {state.created}, {state.failed} failed{interrupted}"
    pods = [f"  {pod.name}  {pod.phase}  {pod.node or 'no node yet'}  {pod.reason}".rstrip() for pod in state.pods]
    return [head, *([f"  {state.reason}"] if state.reason else []), *pods]
