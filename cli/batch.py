"""`housing batch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.model import VersionOption
from cli.plan import DryRunOption, JsonOption, YesOption, agree

if TYPE_CHECKING:
    from pipelines.batch import BatchRequest, BatchResult
    from pipelines.registry import ModelPackage
    from pipelines.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(batch)


def batch(  # noqa: PLR0917 typer makes options of them
    output: Annotated[str, typer.Option(help="s3://BUCKET/PREFIX of the results.")],
    input_uri: Annotated[
        str | None, typer.Option("--input", help="s3://... of JSON Lines, one request a line; all known regions when absent.")
    ] = None,
    instances: Annotated[int, typer.Option(min=1, max=100, help="Machines at work.")] = 1,
    file_format: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="Of the table.")] = "csv",
    publish: Annotated[bool, typer.Option("--publish", help="Also write the precomputed table that the Lambda serves.")] = False,
    version: VersionOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Forecast all requests in S3 at once, and join the answers to one table."""
    from pipelines import batch as jobs
    from pipelines import precomputed, registry
    from pipelines.aws import for_caller
    from pipelines.results import requests_uri
    from pipelines.settings import Settings

    settings = for_caller(Settings())
    package = registry.select(version, settings, "Approved")
    months = jobs.months_per_period(package, settings)
    request = jobs.BatchRequest(input_uri or requests_uri(settings), output, instances, months, file_format)
    jobs.require_fitting(request, settings)
    agree(_plan(request, package, settings), yes=yes, dry_run=dry_run, as_json=as_json)
    result = jobs.batch(request, package, settings, lambda line: typer.echo(line, err=True))
    table = precomputed.publish(jobs.predictions(result, settings), settings, months) if publish else None
    _report(result, table, as_json)


def _plan(request: BatchRequest, package: ModelPackage, settings: Settings) -> Any:
    from pipelines import prices
    from pipelines.plan import Plan

    hourly = prices.load(settings.prices_file).sagemaker_usd_per_hour(settings.cpu_instance_type) * request.instances
    steps = (
        f"batch transform of {request.input_uri} with version {package.version}",
        f"{request.instances} x {settings.cpu_instance_type}, {settings.batch_payload_mb} MB a request",
        f"table: {request.output_uri.rstrip('/')}/forecasts.{request.file_format}",
    )
    return Plan("forecast all at once", steps, f"${hourly:.3f} an hour while the job runs", "the machines end with the job")


def _report(result: BatchResult, table: Any, as_json: bool) -> None:
    if as_json:
        import json

        published = vars(table) if table else None
        typer.echo(json.dumps({**vars(result), "precomputed": published}))
        return
    refused = f", {result.refused} requests refused (errors.csv beside it)" if result.refused else ""
    typer.echo(f"wrote {result.table_uri}: {result.rows:,} rows{refused}; {result.seconds:.0f} s, ${result.usd:.4f}")
    if table:
        typer.echo(f"precomputed table: {table.regions} regions at {table.prefix}")
