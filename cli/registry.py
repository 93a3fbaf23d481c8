"""`housing lineage` and `housing card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.model import VersionOption
from cli.plan import JsonOption


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(lineage)
    app.command()(card)


def lineage(
    endpoint: Annotated[str | None, typer.Argument(help="Name of the endpoint; HOUSING_ENDPOINT_NAME when absent.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Where the model of an endpoint came from: package, decision, data, code, image."""
    import json
    from dataclasses import asdict

    from pipelines.lineage import lineage as origins_of
    from pipelines.settings import Settings

    settings = Settings()
    origins = origins_of(endpoint or settings.endpoint_name, settings)
    if as_json:
        typer.echo(json.dumps([asdict(origin) for origin in origins]))
        return
    for origin in origins:
        data = ", ".join(f"{name} {origin.source[name]}" for name in ("name", "vintage", "licence") if origin.source.get(name))
        typer.echo(f"variant {origin.variant}")
        for name, value in (
            ("model", origin.model_name),
            ("package", f"version {origin.version}, {origin.status}" + (f": {origin.reason}" if origin.reason else "")),
            ("run", origin.execution),
            ("code", origin.code_version),
            ("image", origin.image),
            ("digest", origin.image_digest or "not known to the registry"),
            ("data", f"{origin.source_uri} {f'({data})' if data else ''}"),
            ("content key", origin.content_key),
            ("artifact", origin.artifact_uri),
            ("evaluation", origin.evaluation_uri),
        ):
            if value:
                typer.echo(f"  {name:<12} {value}")


def card(
    version: VersionOption = None,
    out: Annotated[Path | None, typer.Option(help="Write it as Markdown.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the model card, and keep it with the package in the registry."""
    import json

    from pipelines import card as cards
    from pipelines import registry
    from pipelines.atomic import write_text
    from pipelines.settings import Settings

    settings = Settings()
    made = cards.attach(registry.select(version, settings), settings)
    if out:
        write_text(cards.to_markdown(made), out)
        typer.echo(f"wrote {out}")
    else:
        typer.echo(json.dumps(made, indent=1) if as_json else cards.to_markdown(made), nl=as_json)
