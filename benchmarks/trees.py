"""Few rows through trees: our walk, XGBoost's own call, and treelite's reference walk, in one process: `python -m benchmarks.trees`.

treelite borrows xgboost and numpy from our environment; it is no dependency. The model is that of `benchmarks.serving`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.record import recording
from benchmarks.rivals import RivalMissingError, rival_python
from benchmarks.servers.comparison import FEATURES, write

ROOT = Path(__file__).parents[1]
SIZES = (1, 4, 12, 24, 64)


def microseconds(call: Callable[[], object], count: int = 200) -> float:
    """CPU of one call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        for _ in range(count):
            call()
        best = min(best, (time.thread_time() - started) / count)
    return best * 1e6


def compare(model: Path) -> list[dict[str, float]]:
    """CPU microseconds of each way by number of rows, and how far treelite's and our sums are from XGBoost's."""
    import xgboost

    from housing.members.trees import Trees

    booster = xgboost.Booster()
    booster.load_model(model)
    booster.set_param({"nthread": 1})
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {"xgboost": lambda rows: booster.inplace_predict(rows, validate_features=False)}
    trees = Trees.of(booster)
    assert trees is not None
    ways["ours"] = trees.predict
    try:
        import treelite
    except ImportError:
        pass
    else:
        other = treelite.frontend.from_xgboost(booster)
        ways["treelite"] = lambda rows: treelite.gtil.predict(other, rows, nthread=1).ravel()
    found = []
    for size in SIZES:
        rows = np.random.default_rng(1).standard_normal((size, FEATURES)).astype(np.float32)
        line: dict[str, float] = {"rows": size, "most": trees.max_rows}
        for name, way in ways.items():
            line[name] = microseconds(partial(way, rows))
            line[f"{name} off"] = float(np.abs(way(rows) - ways["xgboost"](rows)).max())
        found.append(line)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, help="measure this model here and print the figures")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if arguments.model:
        print(json.dumps(compare(arguments.model)))
        return
    try:
        python = str(rival_python("treelite", "treelite==4.8.1"))
    except RivalMissingError as error:
        print(f"# {error}", flush=True)
        python = sys.executable
    with tempfile.TemporaryDirectory() as folder, recording("trees") as recorder:
        model = Path(folder, "comparison.ubj")
        write(model)
        borrowed = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
        command = [python, "-m", "benchmarks.trees", "--model", str(model)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": borrowed})
        for line in json.loads(done.stdout.splitlines()[-1]):
            for rival in ("xgboost", "treelite"):
                if rival in line:
                    note = f"furthest from xgboost: ours {line['ours off']:.1g}, {rival} {line[f'{rival} off']:.1g}"
                    unit = f"CPU us a call; rival {rival}; ours is used up to {line['most']:.0f} rows"
                    recorder.add(f"trees.{line['rows']:.0f} rows.{rival}", line["ours"], line[rival], unit, note)


if __name__ == "__main__":
    main()
