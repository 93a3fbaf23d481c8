"""`housing approve`, `housing reject`, `housing deploy` and `housing predict`."""

from __future__ import annotations

from typing import Annotated

import typer

Reason = Annotated[str, typer.Option(help="Kept with the decision.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(approve)
    app.command()(reject)
    app.command()(deploy)
    app.command()(predict)


def approve(reason: Reason = "") -> None:
    """Approve the newest model package; one that is approved already stays so."""
    from pipelines import registry
    from pipelines.settings import Settings

    settings = Settings()
    package = registry.newest(settings)
    if package.status != "Approved":
        registry.approve(package.arn, reason, settings)
    typer.echo(f"version {package.version} is approved; next: `housing deploy`")


def reject(reason: Reason = "") -> None:
    """Reject the newest model package."""
    from pipelines import registry
    from pipelines.settings import Settings

    settings = Settings()
    package = registry.newest(settings)
    registry.reject(package.arn, reason, settings)
    typer.echo(f"version {package.version} is rejected; next: `housing run` trains another")


def deploy() -> None:
    """Put the newest approved model behind the endpoint and the Lambda function in front of it."""
    from rich.console import Console

    from pipelines import endpoint, functions, registry
    from pipelines.aws import for_caller
    from pipelines.settings import Settings

    settings = for_caller(Settings())
    package = registry.newest(settings, "Approved")
    console = Console(stderr=True)
    with console.status(f"endpoint {settings.endpoint_name}") as status:
        done = endpoint.deploy(package, settings, lambda state: status.update(f"endpoint {settings.endpoint_name}: {state}"))
        function = functions.deploy_predict(settings)
    if done.action == "unchanged":
        typer.echo(f"endpoint {done.endpoint_name}: version {done.package_version} is already in service")
    else:
        typer.echo(f"endpoint {done.endpoint_name}: {done.action}, version {done.package_version} is in service")
    typer.echo(f"function {settings.function_name}: {function}; next: `housing predict --region NAME`")


def predict(
    region: Annotated[list[str], typer.Option(help="A region that the model knows; repeatable.")],
    horizon: Annotated[int | None, typer.Option(min=1, help="Periods ahead; the model's own when absent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response body as it came.")] = False,
) -> None:
    """Ask the Lambda function for a forecast."""
    from rich.console import Console

    from cli.tables import prediction_table
    from pipelines import predict as front
    from pipelines.settings import Settings

    body = front.predict(region, Settings(), horizon)
    if as_json:
        import json

        typer.echo(json.dumps(body))
        return
    console = Console()
    for prediction in body["predictions"]:
        console.print(prediction_table(prediction))
