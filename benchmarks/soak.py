"""A bounded soak of the server: memory per 10,000 requests, /ping while it works, and its end.

`python -m benchmarks.soak [--minutes 1] [--members naive,momentum]`. Known regions and unseen series take turns over 16 connections.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.batch import resident_megabytes, wait_ready
from benchmarks.record import Recorder, recording
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.load import drive

CLIENTS = 16
ROUND = {"known": 2000, "unseen": 400}
BODIES = {
    "known": json.dumps({"inputs": [{"item_id": "Austin"}]}).encode(),
    "unseen": json.dumps({"inputs": [{"target": [100 + 0.5 * month + month % 12 for month in range(60)]}]}).encode(),
}


def ping_seconds(port: int) -> float:
    """Latency of one GET /ping; AssertionError on any status but 200."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/ping")
    assert connection.getresponse().status == 200
    return time.perf_counter() - started


async def one_round(port: int, pings: list[float]) -> int:
    """Requests that were answered with 200, which is all of them; /ping is asked beside."""
    done = 0
    for kind, count in ROUND.items():
        load = asyncio.create_task(drive(port, BODIES[kind], CLIENTS, count))
        while not load.done():
            pings.append(await asyncio.to_thread(ping_seconds, port))
            await asyncio.sleep(0.05)
        done += len(await load)
    return done


def run(recorder: Recorder, folder: Path, minutes: float) -> None:
    """Warm up with one round, then soak, then end the server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"SM_MODEL_DIR": str(folder), "SAGEMAKER_BIND_TO_PORT": str(port), "HOUSING_SERVE_HOST": "127.0.0.1"}
    process = subprocess.Popen([sys.executable, "-m", "inference.serve"], env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    wait_ready(process, port)
    pings: list[float] = []
    uvloop.run(one_round(port, []))
    before, requests, until = resident_megabytes(process.pid), 0, time.monotonic() + minutes * 60
    while time.monotonic() < until:
        requests += uvloop.run(one_round(port, pings))
    growth = (resident_megabytes(process.pid) - before) / requests * 10_000
    recorder.add("soak.memory", growth, 1.0, "MiB per 10,000 requests; rival the limit", f"{requests} requests, all 200")
    p99 = sorted(pings)[int(len(pings) * 0.99)] * 1e3
    recorder.add("soak.ping_p99", p99, 50.0, "milliseconds beside 16 busy clients; rival the limit", f"{len(pings)} pings")
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    status = process.wait(30)
    recorder.add("soak.end", time.monotonic() - started, 25.0, "seconds from SIGTERM to the end; rival the limit", f"status {status}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--members", default="naive,momentum")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder, recording("soak") as recorder:
        run(recorder, make_artifact(Path(folder), arguments.members), arguments.minutes)


if __name__ == "__main__":
    main()
