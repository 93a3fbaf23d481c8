"""The command `housing`. Modules of other packages are imported inside the commands, so that help appears at once."""

from __future__ import annotations

import sys

import typer

from cli import (
    backtest,
    batch,
    bootstrap,
    conformance,
    cost,
    doctor,
    eks,
    endpoint,
    local,
    model,
    operations,
    pipeline,
    profiles,
    registry,
    results,
    run,
    serve,
    tune,
)
from cli.faults import one_line

app = typer.Typer(
    name="housing",
    help="Quantile forecasts and drawdown probabilities for US housing markets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (bootstrap, run, tune, model, batch, results, registry, operations, backtest, serve, cost, conformance, doctor):
    commands.register(app)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(endpoint.app, name="endpoint")
app.add_typer(eks.app, name="eks")
app.add_typer(profiles.app, name="profile")
app.add_typer(local.app, name="local")


def main() -> None:
    """Run a command; an expected error is one line and exit status 1, anything else a traceback."""
    try:
        app()
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"housing: {line}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
