"""Would it pay to ask the members in parallel? One after the other against a thread each, wall time: `python -m benchmarks.members`.

The features are built once before (the members share them), so the figure is what threads could gain at best.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.batch import made_up_prices
from benchmarks.record import Recorder, recording
from benchmarks.servers.artifact import make_artifact
from housing.forecaster import Forecaster
from inference.series import Series, panel_of
from inference.serve import use_one_thread

SIZES = (1, 8, 64, 512)


def milliseconds(call: Callable[[], object], count: int) -> float:
    """Wall time of the quickest of `count` calls."""
    spent = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return min(spent) * 1e3


def run(recorder: Recorder, forecaster: Forecaster) -> None:
    """A line per number of series."""
    members = forecaster.online
    with ThreadPoolExecutor(len(members)) as pool:
        for size in SIZES:
            panel = panel_of([Series(forecaster.last_date, row) for row in made_up_prices(size)], forecaster.panel)

            def one(name: str, panel=panel) -> object:
                return members[name].predict(panel, forecaster.horizon, forecaster.market)

            count = 200 if size < 64 else 20
            sequential = milliseconds(lambda one=one: [one(name) for name in members], count)
            parallel = milliseconds(lambda one=one: list(pool.map(one, members)), count)
            whole = milliseconds(lambda panel=panel: forecaster.log_quantiles(panel.until(len(panel.dates) - 1)), max(3, count // 10))
            note = f"{', '.join(members)}; the whole with its features {whole:.1f} ms; {os.cpu_count()} cores"
            recorder.add(f"members.{size} series", parallel, sequential, "wall ms in threads; rival one after the other", note)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", default="naive,momentum,linear,xgboost,catboost,neural")
    parser.add_argument("--model", type=Path, help="an artifact that is there already")
    arguments = parser.parse_args()
    use_one_thread()
    with tempfile.TemporaryDirectory() as folder, recording("members") as recorder:
        run(recorder, Forecaster.load(arguments.model or make_artifact(Path(folder), arguments.members)))


if __name__ == "__main__":
    main()
