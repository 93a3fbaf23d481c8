"""Telemetry's own share of the server's CPU, measured inside its calls: `python -m benchmarks.telemetry [--requests 4000]`.

Cached answers for known regions are the worst case: nothing else is cheaper for the server to give.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import uvloop

from benchmarks.record import Recorder, recording
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.load import drive
from benchmarks.servers.process import serving
from benchmarks.soak import BODIES

LIMIT = 0.05


def share(model: Path, body: bytes, clients: int, requests: int) -> float:
    """Seconds inside telemetry's calls by CPU seconds of the server."""
    with serving(model, "benchmarks.servers.measured", subprocess.PIPE) as (process, port):
        uvloop.run(drive(port, body, clients, requests))
    assert process.stdout is not None
    facts = json.loads(process.stdout.read().splitlines()[-1])
    return float(facts["telemetry"] / facts["process"])


def run(recorder: Recorder, model: Path, requests: int) -> None:
    """A line for each kind of request."""
    for kind, count in {"known": requests, "unseen": requests // 10}.items():
        found = share(model, BODIES[kind], 16, count)
        recorder.add(f"telemetry.{kind}", found, LIMIT, "share of the server's CPU; rival the limit", f"{count} requests, 16 clients")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--members", default="naive,momentum")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder, recording("telemetry") as recorder:
        run(recorder, make_artifact(Path(folder), arguments.members), arguments.requests)


if __name__ == "__main__":
    main()
