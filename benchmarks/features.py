"""Feature building: CPU against mlforecast for the same lags and rolling statistics, and the curve up to 26,000 regions.

`python -m benchmarks.features [--regions 1000,4000,26000]`. mlforecast lives in an environment of its own; both sides read the
same prices, compute the same columns on one thread, and the values are compared before a time is believed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.record import Recorder, cpu_seconds, recording
from benchmarks.rivals import RivalMissingError, rival_python
from housing.features import build_features
from housing.features.windows import lag, trailing_max, trailing_mean, trailing_std
from housing.panel import Floats, Panel

LAGS = (1, 2, 3, 6, 12, 24)
WINDOWS = (3, 6, 12, 24)
MONTHS = 300
REPEATS = 3
PACKAGES = ("mlforecast==1.1.0",)

_RIVAL = """
import json, sys, time
import numpy as np, pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd, RollingMax
stored = np.load(sys.argv[1])
price, lags, windows = stored["price"], stored["lags"].tolist(), stored["windows"].tolist()
n, t = price.shape
frame = pd.DataFrame({"unique_id": np.repeat(np.arange(n), t), "ds": np.tile(np.arange(t), n), "y": price.ravel()})
transforms = {1: [kind(window_size=w) for w in windows for kind in (RollingMean, RollingStd, RollingMax)]}
best = float("inf")
for _ in range(int(sys.argv[2])):
    engine = MLForecast(models=[], freq=1, lags=lags, lag_transforms=transforms, num_threads=1)
    before = time.process_time()
    table = engine.preprocess(frame, dropna=False, static_features=[])
    best = min(best, time.process_time() - before)
last = table.groupby("unique_id").tail(1).drop(columns=["unique_id", "ds", "y"])
print(json.dumps({"cpu": best, "last": {c: last[c].head(5).tolist() for c in last.columns}}))
"""


def synthetic_prices(regions: int, months: int = MONTHS) -> Floats:
    """Random walks with a season: synthetic, for speed alone."""
    generator = np.random.default_rng(7)
    walk = np.cumsum(generator.normal(0.002, 0.02, (regions, months)), axis=1)
    return np.exp(12 + walk + 0.03 * np.sin(np.arange(months) * 2 * np.pi / 12))


def same_columns(price: Floats) -> dict[str, Floats]:
    """The lags and rolling statistics of the comparison, named as the rival names them.

    A row of ours may use its own month; the rival's begins one month earlier, so its rolling columns are ours one row later.
    """
    columns = {f"lag{n}": lag(price, n) for n in LAGS}
    for window in WINDOWS:
        columns[f"rolling_mean_lag1_window_size{window}"] = trailing_mean(price, window, minimum=window)
        columns[f"rolling_std_lag1_window_size{window}"] = trailing_std(price, window, minimum=window) * np.sqrt(window / (window - 1))
        columns[f"rolling_max_lag1_window_size{window}"] = trailing_max(price, window)
    return columns


def against_mlforecast(recorder: Recorder, regions: int) -> None:
    """One line: CPU seconds of both for the same columns; stops when a value differs."""
    price = synthetic_prices(regions)
    best = float("inf")
    for _ in range(REPEATS):
        before = cpu_seconds()
        ours = same_columns(price)
        best = min(best, cpu_seconds() - before)
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "given.npz")
        np.savez(given, price=price, lags=np.array(LAGS), windows=np.array(WINDOWS))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        command = [str(rival_python("mlforecast", *PACKAGES)), "-c", _RIVAL, str(given), str(REPEATS)]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    for name, values in theirs["last"].items():
        np.testing.assert_allclose(ours[name][:5, -1 if name.startswith("lag") else -2], values, rtol=1e-4, err_msg=name)
    recorder.add(f"features.{regions}x{MONTHS}.same_columns.cpu", best, theirs["cpu"], "CPU seconds; rival mlforecast 1.1.0")


def curve(recorder: Recorder, counts: list[int]) -> None:
    """The whole engine at each size in a process of its own: CPU per region against the smallest size's, and peak memory."""
    first = 0.0
    for regions in counts:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.features", "--one", str(regions)], check=True, capture_output=True, text=True
        )
        one = json.loads(done.stdout)
        each = one["cpu"] / regions
        first = first or each
        recorder.add(f"features.{regions}x{MONTHS}.engine.cpu_per_region", each, first, f"CPU seconds; rival {counts[0]} regions")
        recorder.add(
            f"features.{regions}x{MONTHS}.engine.peak_memory", one["gib"], 8.0, "GiB; rival the limit of 8", f"{one['features']} features"
        )


def one_size(regions: int) -> None:
    """Build all features of a synthetic panel with three covariates once and print what it took."""
    price = synthetic_prices(regions)
    dates = np.datetime64("2000-01", "M") + np.arange(MONTHS)
    covariates = {name: price / scale for name, scale in (("sales", 900.0), ("listings", 300.0), ("inventory", 20_000.0))}
    panel = Panel(tuple(map(str, range(regions))), dates, "M", price, covariates)
    before = cpu_seconds()
    block = build_features(panel)
    spent = cpu_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"cpu": spent, "gib": peak, "features": len(block.names)}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--regions", default="1000,4000,26000")
    parser.add_argument("--one", type=int)
    arguments = parser.parse_args()
    if arguments.one:
        one_size(arguments.one)
        return
    counts = [int(n) for n in arguments.regions.split(",")]
    with recording("features") as recorder:
        try:
            against_mlforecast(recorder, counts[min(1, len(counts) - 1)])
        except RivalMissingError as error:
            print(f"features: no comparison with mlforecast: {error}", file=sys.stderr)
        curve(recorder, counts)


if __name__ == "__main__":
    main()
