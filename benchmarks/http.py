"""What our own HTTP costs beside the servers of the shelf, and what FastAPI would bring into the container: `python -m benchmarks.http`.

Nothing stands behind the servers, so the figures are the way from the socket to the handler and back. They take turns on one core, the
load has another.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.metadata
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from benchmarks.record import Recorder, recording
from benchmarks.servers.load import cpu_of_tree, drive

NAMES = ("ours", "uvicorn", "fastapi")
CELLS = {1: 1500, 16: 4000, 64: 6000}
"""Clients -> requests."""

BODY = b'{"instances":[[' + b",".join([b"0.123456"] * 100) + b"]]}"
_IMPORTED = """
import resource, time
started = time.process_time()
import {modules}
print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
_BROUGHT = ("fastapi", "starlette", "pydantic", "pydantic-core", "annotated-types", "typing-inspection", "anyio", "uvicorn")
"""Packages that the serving image has no other use for."""


@contextmanager
def running(name: str) -> Iterator[tuple[int, int]]:
    """A server's process id and port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(["taskset", "-c", "0", sys.executable, "-m", "benchmarks.servers.null", name, str(port)])
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/ping")
                connection.getresponse()
                break
            except OSError:
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def requests(recorder: Recorder, rounds: int) -> None:
    """A line per rival and number of clients."""
    seen: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name in NAMES:
            with running(name) as (pid, port):
                for clients, count in CELLS.items():
                    uvloop.run(drive(port, BODY, clients, 500))
                    before = cpu_of_tree(pid)
                    uvloop.run(drive(port, BODY, clients, count))
                    seen.setdefault((name, clients), []).append((cpu_of_tree(pid) - before) / count * 1e6)
    for clients in CELLS:
        cpu = {name: statistics.median(seen[name, clients]) for name in NAMES}
        for rival in NAMES[1:]:
            recorder.add(f"http.{clients} at once.{rival}", cpu["ours"], cpu[rival], f"CPU us per request without a model; rival {rival}")


def imports(recorder: Recorder) -> None:
    """What the OpenAPI document costs a server at start: made from our structs, or by a FastAPI application beside."""
    found = {}
    for name, modules in {"ours": "inference.openapi", "fastapi": "inference.openapi, fastapi, fastapi.openapi.utils"}.items():
        lines = [
            subprocess.run([sys.executable, "-c", _IMPORTED.format(modules=modules)], check=True, capture_output=True, text=True).stdout
            for _ in range(5)
        ]
        found[name] = [min(float(line.split()[part]) for line in lines) for part in (0, 1)]
    note = "beside what both need"
    recorder.add("http.openapi.import_cpu", found["ours"][0], found["fastapi"][0], "CPU seconds of the imports; rival with FastAPI", note)
    recorder.add("http.openapi.memory", found["ours"][1] / 1024, found["fastapi"][1] / 1024, "MiB resident after them", note)
    recorder.add("http.openapi.size", 0.0, installed_megabytes(), "MiB that FastAPI and what only it needs take in the image")


def installed_megabytes() -> float:
    """FastAPI and what it brings, as installed here."""
    total = 0
    for name in _BROUGHT:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        total += sum(Path(str(file.locate())).stat().st_size for file in files if Path(str(file.locate())).is_file())
    return total / 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[1:])
    with recording("http") as recorder:
        imports(recorder)
        requests(recorder, arguments.rounds)


if __name__ == "__main__":
    main()
