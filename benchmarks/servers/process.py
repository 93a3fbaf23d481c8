"""A `serve` process on loopback for the time of a benchmark."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.batch import wait_ready

Running = tuple[subprocess.Popen[bytes], int]


@contextmanager
def serving(
    model: Path, module: str = "inference.serve", output: int = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The ready process and its port; it is told to stop at the end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"SM_MODEL_DIR": str(model), "SAGEMAKER_BIND_TO_PORT": str(port), "HOUSING_SERVE_HOST": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", module], env={**os.environ, **settings}, stdout=output)
    try:
        wait_ready(process, port)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)
