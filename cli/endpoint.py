"""`housing endpoint ...`: a second model beside the one in service, and the end of an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.model import VersionOption
from cli.plan import DryRunOption, JsonOption, YesOption, agree

if TYPE_CHECKING:
    from pipelines.registry import ModelPackage
    from pipelines.settings import Settings

app = typer.Typer(help="What serves: shadow, split, promote, delete.", no_args_is_help=True)


@app.command()
def shadow(version: VersionOption = None, yes: YesOption = False, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Send a copy of every request to an approved model too; callers get the answers of the one in service."""
    from pipelines import candidates

    settings, package = _chosen(version)
    agree(_second(f"shadow version {package.version}", settings), yes=yes, dry_run=dry_run, as_json=as_json)
    action = candidates.shadow(package, settings)
    if as_json:
        _print_json(endpoint_name=settings.endpoint_name, action=action, shadow_version=package.version)
        return
    typer.echo(f"version {package.version} shadows endpoint {settings.endpoint_name}; next: `housing endpoint compare`")


@app.command()
def compare(as_json: JsonOption = False) -> None:
    """Latency, errors and disagreement of shadow and model in service."""
    from pipelines.comparison import compare as compare_both
    from pipelines.settings import Settings

    settings = Settings()
    found = compare_both(settings)
    objections = found.objections(settings)
    if as_json:
        from dataclasses import asdict

        _print_json(**asdict(found), objections=objections)
        return
    for name, side in (("in service", found.main), ("shadow", found.shadow)):
        latency = f"mean {side.mean_latency_milliseconds:.1f} ms, worst {side.worst_latency_milliseconds:.1f} ms"
        typer.echo(f"{name:<10} {side.requests:,} requests, {side.error_rate:.2%} errors, {latency}")
    typer.echo(
        f"{found.compared:,} requests answered by both: medians differ by {found.median_difference:.2%} (at most "
        f"{found.worst_median_difference:.2%}), drawdown probabilities by {found.drawdown_difference:.3f}"
    )
    typer.echo("; ".join(objections) if objections else "nothing speaks against it; next: `housing endpoint promote`")


@app.command()
def promote(yes: YesOption = False, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Put the shadow or candidate in service alone, as safely as any update."""
    from pipelines import candidates
    from pipelines.aws import for_caller
    from pipelines.plan import plan_deploy
    from pipelines.settings import Settings

    settings = for_caller(Settings())
    agree(plan_deploy(candidates.candidate(settings), settings), yes=yes, dry_run=dry_run, as_json=as_json)
    done = candidates.promote(settings)
    if as_json:
        from dataclasses import asdict

        _print_json(**asdict(done))
        return
    typer.echo(f"endpoint {done.endpoint_name}: {done.action}, version {done.package_version} is in service")


@app.command()
def split(
    share: Annotated[float, typer.Argument(help="Of the requests for the candidate, 0 to 1.")],
    version: VersionOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Answer a share of the requests with another approved model."""
    from pipelines import candidates

    settings, package = _chosen(version)
    plan = _second(f"answer {share:.0%} of the requests with version {package.version}", settings)
    agree(plan, yes=yes, dry_run=dry_run, as_json=as_json)
    shares = candidates.split(package, share, settings)
    if as_json:
        _print_json(endpoint_name=settings.endpoint_name, candidate_version=package.version, shares=shares)
        return
    told = ", ".join(f"{name} {part:.0%}" for name, part in shares.items())
    typer.echo(f"endpoint {settings.endpoint_name}: {told}; next: `housing endpoint promote`, or `housing deploy` ends it")


@app.command()
def delete(yes: YesOption = False, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Delete the endpoints with their scaling, alarms, configurations and models; callers get no answers any more."""
    from pipelines import endpoint
    from pipelines.plan import Plan
    from pipelines.settings import Settings

    settings = Settings()
    names = (f"endpoint {settings.endpoint_name}", f"endpoint {settings.cpu_endpoint_name}")
    plan = Plan("delete what serves", names, "nothing; their hourly price ends", "`housing deploy` brings them back")
    agree(plan, yes=yes, dry_run=dry_run, as_json=as_json, default=False)
    deleted = endpoint.delete(settings)
    if as_json:
        _print_json(deleted=deleted)
        return
    typer.echo("deleted" if deleted else "there was no endpoint")


def _print_json(**facts: Any) -> None:
    import json

    typer.echo(json.dumps(facts))


def _chosen(version: int | None) -> tuple[Settings, ModelPackage]:
    from pipelines import registry
    from pipelines.aws import for_caller
    from pipelines.settings import Settings

    settings = for_caller(Settings())
    return settings, registry.select(version, settings, "Approved")


def _second(title: str, settings: Settings) -> Any:
    """The plan of a second model: as many instances again, as long as it stands."""
    from pipelines.plan import Plan, price_of
    from pipelines.serving import tiers

    main = tiers(settings)[0]
    step = f"endpoint {main.endpoint_name}: a second variant on {main.instance_type}"
    cost = f"as much again while it stands: {price_of(main, settings)}"
    return Plan(title, (step,), cost, "`housing deploy` leaves one model in service")
