"""What more workers cost in memory, pages that they share counted once: `python -m benchmarks.workers [--members ...]`."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import uvloop

from benchmarks.batch import resident_megabytes
from benchmarks.record import Recorder, recording
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.load import drive
from benchmarks.servers.process import serving
from benchmarks.soak import BODIES

COUNTS = (1, 2, 4)


def megabytes(artifact: Path, workers: int) -> float:
    """All processes of a server together, after it has answered both kinds of requests."""
    os.environ["HOUSING_WORKERS"] = str(workers)
    with serving(artifact) as (process, port):
        for body in BODIES.values():
            uvloop.run(drive(port, body, 4 * workers, 40 * workers))
        return resident_megabytes(process.pid)


def run(recorder: Recorder, artifact: Path) -> None:
    """A line per number of workers."""
    single = megabytes(artifact, 1)
    for count in COUNTS:
        found = single if count == 1 else megabytes(artifact, count)
        recorder.add(f"workers.{count}", found, count * single, "MiB of the whole server; rival as many servers of one worker")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", default="naive,momentum,linear,xgboost,catboost,neural")
    parser.add_argument("--model", type=Path, help="an artifact that is there already")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder, recording("workers") as recorder:
        run(recorder, arguments.model or make_artifact(Path(folder), arguments.members))


if __name__ == "__main__":
    main()
