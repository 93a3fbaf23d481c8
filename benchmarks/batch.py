"""Batch transform through the server against the bare vectorised call: CPU seconds per series, and memory over the run.

`python -m benchmarks.batch [--series 20000] [--members naive,momentum,xgboost]`. Payloads go one after another, as SageMaker sends
them: arrays (npy) and JSON Lines. Capacity below is bare CPU over the server's CPU: 1 is the physical limit.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.record import Recorder, cpu_seconds, recording
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.load import cpu_of_tree, descendants
from inference.content import CHUNK
from inference.model import Model
from inference.series import Series

PAYLOAD_SERIES = 4 * CHUNK
MONTHS = 120
GOALS = {"application/x-npy": 0.8, "application/jsonlines": 0.6}
BARE_SERIES = 50_000
"""The bare call is measured on so many of the series and taken in proportion."""

BATCH = {"SAGEMAKER_BATCH": "true", "OMP_NUM_THREADS": "1", "HOUSING_WORKERS": "1"}


def made_up_prices(count: int, seed: int = 0) -> np.ndarray:
    """Random walks with a season, two decimals; synthetic, for speed alone."""
    generator = np.random.default_rng(seed)
    walk = np.cumsum(generator.normal(0.002, 0.015, (count, MONTHS)), axis=1)
    return np.round(np.exp(12 + walk + 0.03 * np.sin(np.arange(MONTHS) * np.pi / 6)), 2)


def bare_seconds(folder: Path, prices: np.ndarray) -> float:
    """CPU of the model's own call on the same series, in the server's batch size."""
    model = Model.load(folder)
    series = [Series(model.forecaster.last_date, row) for row in prices]
    started = cpu_seconds()
    for first in range(0, len(series), 512):
        model.predict(series[first : first + 512])
    return cpu_seconds() - started


def payload(kind: str, prices: np.ndarray) -> bytes:
    """The series as a body of the media type."""
    if kind == "application/x-npy":
        buffer = io.BytesIO()
        np.save(buffer, prices)
        return buffer.getvalue()
    return b"".join(json.dumps({"inputs": [{"target": row}]}).encode() + b"\n" for row in prices.tolist())


def post(port: int, kind: str, body: bytes) -> int:
    """Bytes of the answer; AssertionError on any status but 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/invocations", body, {"content-type": kind})
    response = connection.getresponse()
    assert response.status == 200, response.read()[:500]
    return len(response.read())


def resident_megabytes(pid: int) -> float:
    """Memory of a process and its descendants; pages that several share count once."""
    total = 0
    for one in (pid, *descendants(pid)):
        lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def through_server(folder: Path, kind: str, count: int) -> tuple[float, float, float]:
    """CPU seconds of the server, and its resident megabytes after the first and after the last payload."""
    with server(folder) as (process, port):
        before, memory = cpu_of_tree(process.pid), []
        for first in range(0, count, PAYLOAD_SERIES):
            post(port, kind, payload(kind, made_up_prices(min(PAYLOAD_SERIES, count - first), seed=first)))
            memory.append(resident_megabytes(process.pid))
        return cpu_of_tree(process.pid) - before, memory[0], memory[-1]


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A ready `serve` in batch mode, one process, and its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {**os.environ, **BATCH, "SM_MODEL_DIR": str(folder), "SAGEMAKER_BIND_TO_PORT": str(port), "HOUSING_SERVE_HOST": "127.0.0.1"}
    process = subprocess.Popen([sys.executable, "-m", "inference.serve"], env=settings, stdout=subprocess.DEVNULL)
    try:
        wait_ready(process, port)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


def large_payload(recorder: Recorder, folder: Path) -> None:
    """The largest payload of batch transform, 100 MB of long series, as one request: how far the memory rises."""
    target = [round(100 + 0.01 * month, 2) for month in range(9_900)]
    line = json.dumps({"inputs": [{"target": target}]}).encode() + b"\n"
    body = line * (100 * 2**20 // len(line))
    with server(folder) as (process, port):
        before, peak, ended = resident_megabytes(process.pid), [0.0], threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                peak[0] = max(peak[0], resident_megabytes(process.pid))

        watching = threading.Thread(target=watch)
        watching.start()
        post(port, "application/jsonlines", body)
        ended.set()
        watching.join()
    recorder.add("batch.100 MB payload", peak[0] - before, len(body) / 2**20, "MiB more at the peak; rival the payload itself")


def wait_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Until /ping says 200."""
    while process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the server ended before it was ready; run `serve` by hand to see why")


def run(recorder: Recorder, folder: Path, count: int, types: list[str]) -> None:
    """Two lines per media type."""
    called = min(count, BARE_SERIES)
    bare = bare_seconds(folder, made_up_prices(called)) * count / called
    for kind in types:
        goal = GOALS[kind]
        spent, first, last = through_server(folder, kind, count)
        each = f"{spent / count * 1e6:.0f} us a series"
        recorder.add(f"batch.{kind}.capacity", bare, spent, f"CPU seconds; rival the server, so 1 is the limit, goal {goal}", each)
        recorder.add(
            f"batch.{kind}.memory", last, first, f"MiB after all {count} series; rival after the first {min(count, PAYLOAD_SERIES)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--members", default="naive,momentum,xgboost")
    parser.add_argument("--types", default=",".join(GOALS))
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder, recording("batch") as recorder:
        artifact = make_artifact(Path(folder), arguments.members)
        run(recorder, artifact, arguments.series, arguments.types.split(","))
        large_payload(recorder, artifact)


if __name__ == "__main__":
    main()
