"""A real server process on loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Server:
    """A running `serve` and the ways to talk to it."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def forecast(self, request: object) -> tuple[int, dict[str, object]]:
        """POST /invocations with JSON."""
        status, _, body = self.request("POST", "/invocations", json.dumps(request).encode(), content_type="application/json")
        return status, json.loads(body)

    def wait_ready(self) -> None:
        """Until /ping says 200; fails with the log when the process ends first."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if self.request("GET", "/ping")[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"not ready; log: {self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM, then the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_server(model: Path, log: Path, by_command: str | None = None, **environment: str) -> Server:
    """`serve` as a container runs it, or `housing serve --model BY_COMMAND`."""
    port = free_port()
    words = ["-m", "inference.serve"]
    if by_command is not None:
        words = ["-m", "cli.main", "serve", "--model", by_command, "--port", str(port)]
    settings = {
        "SM_MODEL_DIR": str(model),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "HOUSING_SERVE_HOST": "127.0.0.1",
        "HOUSING_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
        **environment,
    }
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *words], env={**os.environ, **settings}, stdout=output, stderr=subprocess.STDOUT)
    return Server(process, port, log)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    started: list[Server] = []

    def begin(model: Path, by_command: str | None = None, **environment: str) -> Server:
        started.append(start_server(model, tmp_path / f"server{len(started)}.log", by_command, **environment))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="module")
def server(synthetic_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One ready server for the tests that do not end it."""
    running = start_server(synthetic_model, tmp_path_factory.mktemp("server") / "server.log", HOUSING_WORKERS="2")
    running.wait_ready()
    yield running
    running.stop()
