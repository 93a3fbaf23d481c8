"""Accuracy and CPU seconds per member on the bundled Texas panel: eight origins, 2011-01..2014-07, 12 months ahead.

`python -m benchmarks.accuracy [--members a,b] [--rival autogluon]`. The rival of each line is the seasonal naive forecast of
the same rows; with `--rival autogluon` AutoGluon-TimeSeries runs in an environment of its own, on prices alone and without
pretrained weights (none can be fetched offline), and is scored on the same rows.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np

from benchmarks.record import Recorder, cpu_seconds, recording
from housing.backtest import Backtest, Origins, merge, run_backtest
from housing.forecast import QUANTILES
from housing.metrics import region_origin_mean, score_cells
from housing.panel import Panel
from housing.sources import open_source
from housing.study import DEFAULT_MEMBERS, plan_origins, with_ensemble

HORIZON = 12
SCORED = [f"{year}-{month}" for year in range(2011, 2015) for month in ("01", "07")]
BASELINE = "naive"


def loss(panel: Panel, backtest: Backtest, member: str) -> tuple[float, float]:
    """Scaled quantile loss and coverage of the 80% interval, mean over region-origins and over cells."""
    cells = score_cells(panel.price, backtest.origins, backtest.values[member], QUANTILES, panel.season)
    return float(np.nanmean(region_origin_mean(cells.scaled_loss))), float(np.nanmean(cells.covered))


def timed_members(panel: Panel, members: tuple[str, ...], origins: Origins, seed: int) -> tuple[Backtest, dict[str, float]]:
    """Each member's backtest by itself, and the CPU seconds that it took: fits, forecasts, warm-up origins included."""
    parts, seconds = [], {}
    for name in members:
        before = cpu_seconds()
        parts.append(run_backtest(panel, (name,), origins, HORIZON, seed=seed))
        seconds[name] = cpu_seconds() - before
        print(f"accuracy: {name} took {seconds[name]:.1f} CPU seconds", file=sys.stderr, flush=True)
    return merge(parts), seconds


def report(recorder: Recorder, panel: Panel, backtest: Backtest, seconds: dict[str, float], label: str) -> None:
    """A line each for the loss against the baseline's, the coverage against 0.8, and the CPU seconds of all together."""
    base, _ = loss(panel, backtest, BASELINE)
    total = sum(seconds.values())
    for name in backtest.values:
        own, covered = loss(panel, backtest, name)
        recorder.add(f"{label}.{name}.scaled_quantile_loss", own, base, f"loss; rival {BASELINE}")
        recorder.add(f"{label}.{name}.coverage80", covered, 0.8, "share; rival nominal")
        if name in seconds:
            recorder.add(f"{label}.{name}.cpu", seconds[name], total, "CPU seconds; rival all members")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--members", default=",".join(DEFAULT_MEMBERS))
    parser.add_argument("--covariates", choices=["all", "none"], default="all")
    parser.add_argument("--rival", choices=["autogluon"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    panel = open_source("texas").load()
    if arguments.covariates == "none":
        panel = panel.without_covariates()
    scored = np.array([panel.index(month) for month in SCORED], dtype=np.int64)
    label = "texas" if arguments.covariates == "all" else "texas_prices_alone"
    with recording("accuracy" if arguments.covariates == "all" else "accuracy_prices_alone") as recorder:
        members = tuple(arguments.members.split(","))
        backtest, seconds = timed_members(panel, members, plan_origins(panel, scored, HORIZON), arguments.seed)
        before = cpu_seconds()
        result = with_ensemble(panel, backtest, scored)
        seconds["ensemble"] = cpu_seconds() - before
        report(recorder, panel, result, seconds, label)
        if arguments.rival:
            from benchmarks.autogluon import forecast

            rival = replace(result, values={"autogluon": forecast(panel, scored, HORIZON)})
            theirs, _ = loss(panel, rival, "autogluon")
            recorder.add(f"{label}.ensemble.scaled_quantile_loss", loss(panel, result, "ensemble")[0], theirs, "loss; rival autogluon")


if __name__ == "__main__":
    main()
