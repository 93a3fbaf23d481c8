"""Our server against the usual ones, the same model behind each: CPU microseconds of the server per request.

`python -m benchmarks.serving [--rounds 3] [--servers ours,fastapi,...]`. Server and load have a core each where there are two; the
servers take turns within a round and the median over rounds counts, so a busy machine slows all alike. Rivals that are not part of our
environment live in one of their own, which borrows torch and xgboost from ours.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.record import Recorder, cpu_seconds, recording
from benchmarks.rivals import RivalMissingError, rival_python
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.comparison import FEATURES, Comparison, write
from benchmarks.servers.load import cpu_of_tree, drive, read_body
from benchmarks.servers.process import serving
from benchmarks.soak import BODIES
from housing.forecaster import Forecaster
from inference.model import Model
from inference.series import Series

ROOT = Path(__file__).parents[1]
Cell = tuple[float, float, float]
"""CPU microseconds per request, p50 and p99 in milliseconds."""

SERVERS = {
    "ours": ("ours", ()),
    "fastapi": ("fastapi_pydantic", ()),
    "flask": ("flask_gunicorn", ("flask==3.1.3", "gunicorn==23.0.0")),
    "litserve": ("litserve_batch", ("litserve==0.2.19",)),
    "mosec": ("mosec_batch", ("mosec==0.9.8",)),
}
CELLS = {
    "1 row, 1 client": (1, 1, 300),
    "1 row, 16 clients": (1, 16, 1500),
    "1 row, 64 clients": (1, 64, 3000),
    "64 rows, 16 clients": (64, 16, 400),
}
"""Name -> rows of a request, clients, requests."""

GPU_SECONDS, GPU_CLIENTS = 0.02, 64
GPU_REQUESTS = {"ours": 6400, "litserve": 640, "mosec": 6400}
"""How much is asked of whom with a GPU-like model; who is not here calls it for one request at a time."""


def body_of(rows: int) -> bytes:
    """A request of so many rows."""
    x = np.round(np.random.default_rng(2).standard_normal((rows, FEATURES)), 6)
    return json.dumps({"instances": x.tolist()}).encode()


def bare_microseconds(model: Path, rows: int) -> float:
    """CPU of one in-process call."""
    comparison, x = Comparison(model), np.random.default_rng(1).standard_normal((rows, FEATURES)).astype(np.float32)
    for _ in range(50):
        comparison.predict(x)
    times = []
    for _ in range(5):
        started = cpu_seconds()
        for _ in range(200):
            comparison.predict(x)
        times.append((cpu_seconds() - started) / 200)
    return min(times) * 1e6


def paced_microseconds(model: Path) -> float:
    """CPU of one in-process call of one row with a millisecond between calls, as with a single client: the caches are cold."""
    comparison, x = Comparison(model), np.random.default_rng(1).standard_normal((1, FEATURES)).astype(np.float32)
    spent = []
    for _ in range(600):
        time.sleep(0.001)
        started = time.thread_time()
        comparison.predict(x)
        spent.append(time.thread_time() - started)
    return statistics.median(spent) * 1e6


def start(name: str, model: Path, **more: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server process on a free port, ready. Errors: RivalMissingError when it cannot be installed or does not come up."""
    module, packages = SERVERS[name]
    python = str(rival_python(f"serving-{name}", *packages)) if packages else sys.executable
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    borrowed = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))] if packages else [str(ROOT)]
    settings = {"PYTHONPATH": os.pathsep.join(borrowed), "HOUSING_BENCHMARK_MODEL": str(model), "OMP_NUM_THREADS": "1", **more}
    arguments = ["--port", str(port)] if name == "mosec" else [str(port)]
    command = ["taskset", "-c", "0", python, "-m", f"benchmarks.servers.{module}", *arguments]
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/" if name == "mosec" else "/ping")
            if connection.getresponse().status == 200:
                return process, port
        except OSError:
            pass
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    raise RivalMissingError(f"{name}: did not come up")


async def _gpu_like(port: int, body: bytes, requests: int, route: str) -> tuple[float, list[float]]:
    """Requests per second of 64 clients, and the seconds of each GET of `route` beside them."""
    pings: list[float] = []
    await drive(port, body, GPU_CLIENTS, 2 * GPU_CLIENTS)
    started = time.perf_counter()
    load = asyncio.create_task(drive(port, body, GPU_CLIENTS, requests))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not load.done():
        asked = time.perf_counter()
        writer.write(f"GET {route} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        header = await reader.readuntil(b"\r\n\r\n")
        await read_body(reader, header.lower())
        pings.append(time.perf_counter() - asked)
        await asyncio.sleep(0.01)
    await load
    writer.close()
    return requests / (time.perf_counter() - started), sorted(pings)


def gpu_like(name: str, model: Path) -> tuple[float, float]:
    """Requests per second with a model that takes 20 ms whatever the batch, and the p99 of the health route, milliseconds."""
    process, port = start(name, model, HOUSING_BENCHMARK_SECONDS=str(GPU_SECONDS))
    try:
        rate, pings = uvloop.run(_gpu_like(port, body_of(1), GPU_REQUESTS[name], "/" if name == "mosec" else "/ping"))
        return rate, pings[int(len(pings) * 0.99)] * 1e3
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a server and all its processes."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def measure(name: str, model: Path) -> dict[str, Cell]:
    """Per cell: CPU microseconds per request, p50 and p99 in milliseconds."""
    process, port = start(name, model)
    found = {}
    try:
        for cell, (rows, clients, requests) in CELLS.items():
            body = body_of(rows)
            uvloop.run(drive(port, body, clients, max(300, requests // 5)))
            before = cpu_of_tree(process.pid)
            latencies = sorted(uvloop.run(drive(port, body, clients, requests)))
            spent = (cpu_of_tree(process.pid) - before) / requests * 1e6
            found[cell] = (spent, latencies[len(latencies) // 2] * 1e3, latencies[int(len(latencies) * 0.99)] * 1e3)
    finally:
        end(process)
    return found


def rounds(names: list[str], model: Path, count: int) -> tuple[dict[str, list[dict[str, Cell]]], dict[int | str, float]]:
    """What each server took in each round by cell; and the bare calls, measured between the rounds, as medians."""
    seen: dict[str, list[dict[str, Cell]]] = {name: [] for name in names}
    bare: dict[int | str, list[float]] = {1: [], 64: [], "paced": []}
    for _ in range(count):
        for rows in (1, 64):
            bare[rows].append(bare_microseconds(model, rows))
        bare["paced"].append(paced_microseconds(model))
        for name in names:
            try:
                seen[name].append(measure(name, model))
            except RivalMissingError as error:
                print(f"# {error}", flush=True)
    return seen, {rows: statistics.median(values) for rows, values in bare.items()}


def one_row_and_many(recorder: Recorder, names: list[str], model: Path, count: int) -> None:
    """CPU per request against the bare call and against each rival."""
    seen, bare = rounds(names, model, count)
    for cell, (rows, clients, _) in CELLS.items():
        cpu = {name: statistics.median(one[cell][0] for one in found) for name, found in seen.items() if found}
        p50, p99 = (statistics.median(one[cell][part] for one in seen["ours"]) for part in (1, 2))
        note = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        recorder.add(f"serving.{cell}.bare", cpu["ours"], bare[rows], "CPU us per request; rival the in-process call", note)
        if clients == 1:
            recorder.add(f"serving.{cell}.bare_paced", cpu["ours"], bare["paced"], "CPU us per request; rival that call at this pace")
        for name in sorted(set(cpu) - {"ours"}):
            recorder.add(f"serving.{cell}.{name}", cpu["ours"], cpu[name], f"CPU us per request; rival {name}")


def own_ensemble(recorder: Recorder, members: str, made: Path | None) -> None:
    """The real server with a real artifact: a stored forecast, and an unseen series beside the model's own call."""
    os.environ["HOUSING_WORKERS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        artifact = made or make_artifact(Path(folder), members)
        bare = bare_series_microseconds(artifact)
        names = ", ".join(Forecaster.load(artifact).online)
        for kind, count in {"known": 4000, "unseen": 400}.items():
            for clients in (1, 16):
                with serving(artifact) as (process, port):
                    uvloop.run(drive(port, BODIES[kind], clients, 100))
                    before = cpu_of_tree(process.pid)
                    uvloop.run(drive(port, BODIES[kind], clients, count))
                    spent = (cpu_of_tree(process.pid) - before) / count * 1e6
                note = f"online {names}; one worker"
                recorder.add(
                    f"serving.ensemble, {kind}, {clients} clients", spent, bare, "CPU us per request; rival a bare unseen series", note
                )


def bare_series_microseconds(artifact: Path) -> float:
    """CPU of the model's own call for one unseen series."""
    model = Model.load(artifact)
    series = Series(model.forecaster.last_date, np.array(json.loads(BODIES["unseen"])["inputs"][0]["target"], dtype=float))
    spent = []
    for _ in range(30):
        started = cpu_seconds()
        model.predict([series])
        spent.append(cpu_seconds() - started)
    return statistics.median(spent) * 1e6


def slow_model(recorder: Recorder, names: list[str], model: Path, count: int) -> None:
    """Throughput and health route with a GPU-like model."""
    ideal = GPU_CLIENTS / GPU_SECONDS
    for name in names:
        try:
            found = [gpu_like(name, model) for _ in range(count)]
        except RivalMissingError as error:
            print(f"# {error}", flush=True)
            continue
        rate, ping = (statistics.median(one[part] for one in found) for part in (0, 1))
        recorder.add(f"serving.20 ms model, 64 clients.{name}", rate, ideal, f"requests per second of {name}; rival the ideal")
        recorder.add(
            f"serving.20 ms model, 64 clients.{name}.ping", ping, 50.0, f"p99 of {name}'s health route, milliseconds; rival the limit"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--members", default="naive,momentum,linear,xgboost", help="of our own ensemble, reported beside")
    parser.add_argument("--artifact", type=Path, help="one that is there already")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    names = arguments.servers.split(",")
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[1:])
    with tempfile.TemporaryDirectory() as folder, recording("serving") as recorder:
        model = Path(folder, "comparison.ubj")
        write(model)
        one_row_and_many(recorder, names, model, arguments.rounds)
        slow_model(recorder, [name for name in names if name in GPU_REQUESTS], model, arguments.rounds)
        own_ensemble(recorder, arguments.members, arguments.artifact)


if __name__ == "__main__":
    main()
