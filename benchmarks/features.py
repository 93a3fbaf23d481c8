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
from housing.features.regions import blocks, by_column
from housing.features.windows import Trailing, lag
from housing.panel import Floats, Panel

LAGS = (1, 2, 3, 6, 12, 24)
WINDOWS = (3, 6, 12, 24)
MONTHS = 300
WARMING, REPEATS = 2, 7
CHECKED_EVERY = 50
"""Of every so many regions all values are compared."""
PACKAGES = ("mlforecast==1.1.0",)

_RIVAL = """
import sys, time
import numpy as np, pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd, RollingMax
stored = np.load(sys.argv[1])
price, lags, windows, checked = stored["price"], stored["lags"].tolist(), stored["windows"].tolist(), stored["checked"]
n, t = price.shape
frame = pd.DataFrame({"unique_id": np.repeat(np.arange(n), t), "ds": np.tile(np.arange(t), n), "y": price.ravel()})
transforms = {1: [kind(window_size=w) for w in windows for kind in (RollingMean, RollingStd, RollingMax)]}
for _ in sys.stdin:
    engine = MLForecast(models=[], freq=1, lags=lags, lag_transforms=transforms, num_threads=1)
    before = time.process_time()
    table = engine.preprocess(frame, dropna=False, static_features=[])
    print(time.process_time() - before, flush=True)
names = [c for c in table.columns if c not in ("unique_id", "ds", "y")]
np.savez(sys.argv[2], **{c: table[c].to_numpy().reshape(n, t)[checked] for c in names})
"""


def synthetic_prices(regions: int, months: int = MONTHS) -> Floats:
    """Random walks with a season: synthetic, for speed alone."""
    generator = np.random.default_rng(7)
    walk = np.cumsum(generator.normal(0.002, 0.02, (regions, months)), axis=1)
    return np.exp(12 + walk + 0.03 * np.sin(np.arange(months) * 2 * np.pi / 12))


def same_columns(price: Floats) -> dict[str, Floats]:
    """The lags and rolling statistics of the comparison, named as the rival names them, each (N, T).

    A row of ours may use its own month; the rival's begins one month earlier, so its rolling columns are ours one row later.
    """
    columns = {f"lag{n}": lag(price, n) for n in LAGS}
    columns |= {_rolling(kind, window): np.empty(price.shape) for window in WINDOWS for kind in ("mean", "std", "max")}
    for rows in blocks(len(price)):
        trailing = Trailing(by_column(price, rows))
        for window in WINDOWS:
            columns[_rolling("mean", window)][rows] = trailing.mean(window, minimum=window)
            np.multiply(trailing.std(window, minimum=window), np.sqrt(window / (window - 1)), out=columns[_rolling("std", window)][rows])
            columns[_rolling("max", window)][rows] = trailing.max(window)
    return columns


def _rolling(kind: str, window: int) -> str:
    return f"rolling_{kind}_lag1_window_size{window}"


def against_mlforecast(recorder: Recorder, regions: int) -> None:
    """One line: least CPU seconds of both for the same columns, measured in turn; stops when a value differs."""
    price = synthetic_prices(regions)
    python = rival_python("mlforecast", *PACKAGES)
    checked = np.arange(0, regions, CHECKED_EVERY)
    with tempfile.TemporaryDirectory() as folder:
        given, answered = Path(folder, "given.npz"), Path(folder, "answered.npz")
        np.savez(given, price=price, lags=np.array(LAGS), windows=np.array(WINDOWS), checked=checked)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        command = [str(python), "-c", _RIVAL, str(given), str(answered)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as rival:
            times = [(_our_seconds(price), _rival_seconds(rival)) for _ in range(WARMING + REPEATS)][WARMING:]
            rival.communicate()
        with np.load(answered) as theirs:
            _compare({name: values[checked] for name, values in same_columns(price).items()}, dict(theirs))
    ours, rivals = (min(side) for side in zip(*times, strict=True))
    recorder.add(
        f"features.{regions}x{MONTHS}.same_columns.cpu",
        ours,
        rivals,
        "CPU seconds; rival mlforecast 1.1.0",
        f"least of {REPEATS} each, in turn, one thread, warm",
    )


def _our_seconds(price: Floats) -> float:
    before = cpu_seconds()
    same_columns(price)
    return cpu_seconds() - before


def _rival_seconds(rival: subprocess.Popen[str]) -> float:
    if rival.stdin is None or rival.stdout is None:
        raise ValueError("rival: started without pipes")
    rival.stdin.write("again\n")
    rival.stdin.flush()
    return float(rival.stdout.readline())


def _compare(ours: dict[str, Floats], theirs: dict[str, Floats]) -> None:
    """Stops when a column differs; of the maxima those of a shorter history are left out, since the rival has none there."""
    if ours.keys() != theirs.keys():
        raise ValueError(f"columns differ: {sorted(ours.keys() ^ theirs.keys())}")
    for name, values in theirs.items():
        shifted = ours[name] if name.startswith("lag") else lag(ours[name], 1)
        compared = ~np.isnan(values) if "max" in name else np.full(values.shape, fill_value=True)
        np.testing.assert_allclose(shifted[compared], values[compared], rtol=1e-4, err_msg=name)


def curve(recorder: Recorder, counts: list[int]) -> None:
    """The whole engine at each size in a process of its own: CPU per region against the smallest size's, and peak memory.

    User time is the engine's own. System time is the machine handing out memory, which a virtual machine may do at seconds a
    GiB for what it has not used of late: what that costs for the answer alone stands beside it.
    """
    first: dict[str, float] = {}
    for regions in counts:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.features", "--one", str(regions)], check=True, capture_output=True, text=True
        )
        one = json.loads(done.stdout)
        each = {"user": one["user"] / regions, "cpu": (one["user"] + one["system"]) / regions}
        first = first or each
        touch = f"of it {one['system'] / regions:.6f} system; writing an empty array of the answer's size: {one['touch'] / regions:.6f}"
        for kind, note in (("user", ""), ("cpu", touch)):
            unit = f"{kind} seconds; rival {counts[0]} regions"
            recorder.add(f"features.{regions}x{MONTHS}.engine.{kind}_per_region", each[kind], first[kind], unit, note)
        recorder.add(
            f"features.{regions}x{MONTHS}.engine.peak_memory", one["gib"], 8.0, "GiB; rival the limit of 8", f"{one['features']} features"
        )


def one_size(regions: int) -> None:
    """Build all features of a synthetic panel with three covariates once and print what it took."""
    price = synthetic_prices(regions)
    dates = np.datetime64("2000-01", "M") + np.arange(MONTHS)
    covariates = {name: price / scale for name, scale in (("sales", 900.0), ("listings", 300.0), ("inventory", 20_000.0))}
    panel = Panel(tuple(map(str, range(regions))), dates, "M", price, covariates)
    features = len(build_features(panel.select(panel.regions[:1])).names)
    start = resource.getrusage(resource.RUSAGE_SELF)
    np.empty((regions, MONTHS, features), dtype=np.float32).fill(0.0)
    touched = resource.getrusage(resource.RUSAGE_SELF)
    build_features(panel)
    built = resource.getrusage(resource.RUSAGE_SELF)
    answer = {
        "user": built.ru_utime - touched.ru_utime,
        "system": built.ru_stime - touched.ru_stime,
        "touch": touched.ru_utime + touched.ru_stime - start.ru_utime - start.ru_stime,
        "gib": built.ru_maxrss / 2**20,
        "features": features,
    }
    print(json.dumps(answer))


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
