"""`housing bootstrap`: the infrastructure around SageMaker, planned, deployed and shown."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.plan import DryRunOption, JsonOption, YesOption, agree

WithOption = Annotated[list[str] | None, typer.Option("--with", help="sagemaker or cost: another template beside app; repeatable.")]
ParameterOption = Annotated[list[str] | None, typer.Option("--parameter", help="NAME=VALUE of a template; kept at later runs; repeatable.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(bootstrap)


def bootstrap(
    with_: WithOption = None,
    parameter: ParameterOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put bucket, roles, key, functions, API, triggers and alarms in place: the stacks of deploy/aws. Repeating it changes nothing."""
    from cli.meter import meter
    from pipelines import bootstrap as boot
    from pipelines.aws import for_caller
    from pipelines.settings import Settings

    settings = for_caller(Settings())
    prepared = boot.prepare(settings, ["app", *(with_ or [])], _pairs(parameter or []))
    try:
        agree(boot.plan(prepared), yes=yes or not prepared.change_sets, dry_run=dry_run, as_json=as_json)
    except BaseException:
        boot.discard(prepared)
        raise
    with meter("bootstrap") as report:
        done = boot.carry_out(prepared, lambda stack, ready, total, what: report(ready, total, f"{stack}: {what}"))
    if as_json:
        typer.echo(boot.as_json(done))
        return
    for name in done.changed:
        typer.echo(f"stack {name}: in place")
    for name in done.unchanged:
        typer.echo(f"stack {name}: unchanged")
    for name, value in done.outputs.items():
        typer.echo(f"  {name:<22} {value}")
    typer.echo("next: `housing run`, then `housing approve` and `housing deploy`; `housing teardown --everything` removes the stacks")


def _pairs(texts: list[str]) -> dict[str, str]:
    from pipelines.errors import BootstrapError

    for text in texts:
        if "=" not in text or text.startswith("="):
            raise BootstrapError(f"--parameter {text}: write NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)
