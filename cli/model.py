"""`housing approve`, `housing reject`, `housing deploy` and `housing predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.plan import DryRunOption, JsonOption, YesOption, agree

if TYPE_CHECKING:
    from pipelines.registry import ModelPackage

VersionOption = Annotated[int | None, typer.Option(min=1, help="Of the model package; the newest when absent.")]
Reason = Annotated[str, typer.Option(help="Kept with the decision.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(approve)
    app.command()(reject)
    app.command()(deploy)
    app.command()(predict)


def approve(version: VersionOption = None, reason: Reason = "", as_json: JsonOption = False) -> None:
    """Approve a model package; one that is approved already stays so."""
    from pipelines import registry
    from pipelines.settings import Settings

    settings = Settings()
    package = registry.select(version, settings)
    if package.status != "Approved":
        registry.approve(package.arn, reason, settings)
    _decided(package, "Approved", "`housing deploy`", as_json)


def reject(
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")],
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a model package."""
    from pipelines import registry
    from pipelines.settings import Settings

    settings = Settings()
    package = registry.select(version, settings)
    registry.reject(package.arn, reason, settings)
    _decided(package, "Rejected", "`housing run` trains another", as_json)


def _decided(package: ModelPackage, status: str, then: str, as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps({"version": package.version, "arn": package.arn, "status": status}))
        return
    typer.echo(f"version {package.version} is {status.lower()}; next: {then}")


def deploy(
    version: VersionOption = None,
    serving: Annotated[str | None, typer.Option(help="realtime, serverless, async or batch; HOUSING_SERVING when absent.")] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put an approved model behind the endpoint."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from pipelines import endpoint, registry
    from pipelines.aws import for_caller
    from pipelines.plan import plan_deploy
    from pipelines.predict import in_front
    from pipelines.settings import Settings

    chosen: dict[str, Any] = {"serving": serving} if serving else {}
    settings = for_caller(Settings(**chosen))
    package = registry.select(version, settings, "Approved")
    agree(plan_deploy(package, settings), yes=yes, dry_run=dry_run, as_json=as_json)
    with Console(stderr=True).status(f"endpoint {settings.endpoint_name}") as status:
        done = endpoint.deploy(package, settings, lambda state: status.update(f"endpoint {settings.endpoint_name}: {state}"))
        function = ("in place" if in_front(settings) else "absent: `housing bootstrap` makes it") if done else "not needed"
    if as_json:
        typer.echo(json.dumps({"endpoints": [asdict(one) for one in done], "function": function}))
        return
    for one in done:
        what = "is already in service" if one.action == "unchanged" else "is in service"
        typer.echo(f"endpoint {one.endpoint_name}: {one.action}, version {one.package_version} {what}")
    then = "`housing predict --region NAME`" if done else "`housing batch --input s3://... --output s3://...`"
    typer.echo(f"function {settings.function_name}: {function}; next: {then}")


def predict(
    region: Annotated[list[str], typer.Option(help="A region that the model knows; repeatable.")],
    horizon: Annotated[int | None, typer.Option(min=1, help="Periods ahead; the model's own when absent.")] = None,
    direct: Annotated[bool, typer.Option("--direct", help="Ask the endpoint itself, with nothing in between.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response body as it came.")] = False,
) -> None:
    """Ask the Lambda function, or the endpoint itself, for a forecast."""
    from rich.console import Console

    from cli.tables import prediction_table
    from pipelines import predict as front
    from pipelines.settings import Settings

    body = front.predict(region, Settings(), horizon, direct=direct)
    if as_json:
        import json

        typer.echo(json.dumps(body))
        return
    console = Console()
    for prediction in body["predictions"]:
        console.print(prediction_table(prediction))
