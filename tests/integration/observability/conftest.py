"""The real server of the integration tests of `inference`, for a real Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.inference.conftest import Server, start_server


@pytest.fixture
def server(synthetic_model: Path, tmp_path: Path) -> Iterator[Server]:
    running = start_server(synthetic_model, tmp_path / "server.log")
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def launch_prometheus(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Starts `prometheus` with a configuration on a free port; returns its address."""
    import subprocess

    from tests.integration.inference.conftest import free_port

    started: list[subprocess.Popen[bytes]] = []

    def start(configuration: Path) -> str:
        address = f"127.0.0.1:{free_port()}"
        words = [f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={address}"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            started.append(subprocess.Popen(["prometheus", *words], stdout=log, stderr=log))
        return f"http://{address}"

    yield start
    for process in started:
        process.terminate()
        process.wait(20)
