"""`housing backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.lags import LagOption, parse_lags


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(backtest)


def backtest(  # noqa: PLR0917 typer makes options of them
    origins: Annotated[str, typer.Option(help="Last months whose price may be known: 2011-01,2011-07,...,2014-07.")],
    out: Annotated[Path, typer.Option(help="csv to write: member,region,origin,date,horizon,quantile,value; .gz compresses.")],
    panel: Annotated[str, typer.Option(help="`texas` (bundled) or a csv file: region,date,price[,covariate...].")] = "texas",
    horizon: Annotated[int | None, typer.Option(min=1, help="Periods ahead; one year when absent.")] = None,
    lag: LagOption = None,
    drawdown: Annotated[
        float | None, typer.Option(help="Also write drawdown.csv beside it: a fall of this share below the trailing five-year peak.")
    ] = None,
    covariates: Annotated[Literal["all", "none"], typer.Option(help="`none` uses the prices alone.")] = "all",
    members: Annotated[str | None, typer.Option(help="Names separated by commas; all when absent.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Forecast from past origins with every member and the ensemble, knowing only what was known then."""
    from cli.meter import meter
    from cli.origins import parse_origins
    from housing.labels import DrawdownDefinition
    from housing.outputs import write_backtest_csv, write_drawdown_csv
    from housing.sources import open_source
    from housing.study import study

    known = open_source(panel, parse_lags(lag)).load()
    used = known.without_covariates() if covariates == "none" else known
    ahead = horizon or used.season
    with meter("backtest") as on_progress:
        result = study(
            used,
            parse_origins(origins, used, ahead),
            ahead,
            members=[name.strip() for name in members.split(",")] if members else None,
            definition=DrawdownDefinition.default(used, drawdown, ahead) if drawdown is not None else None,
            seed=seed,
            on_progress=lambda progress: on_progress(progress.done, progress.total, progress.member),
        )
    write_backtest_csv(used, result, out)
    typer.echo(f"wrote {out}: {len(result.origins)} origins, {len(result.regions)} regions, members {', '.join(result.values)}")
    if drawdown is not None:
        beside = out.with_name("drawdown.csv")
        write_drawdown_csv(used, result, beside)
        typer.echo(f"wrote {beside}")
