"""The Locust profile of the repository, where Locust is installed (`python -m benchmarks.endpoint_load` does that)."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-rivals" / "locust" / "bin" / "python"
pytestmark = pytest.mark.skipif(not (PYTHON.parent.parent / ".ready").exists(), reason="Locust is made ready by its benchmark")


def locust(port: int, folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), "-m", "locust", "-f", str(ROOT / "benchmarks" / "load" / "locustfile.py"), "--headless", "--only-summary"]
    command += ["-u", "4", "-r", "4", "-t", f"{seconds}s", "--host", f"http://127.0.0.1:{port}", "--csv", str(folder / "load")]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=60, env=quiet)


def test_every_kind_of_request_of_the_profile_is_answered(server: Any, tmp_path: Path) -> None:
    done = locust(server.port, tmp_path, 6)
    with (tmp_path / "load_stats.csv").open(newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert {"ping", "known region", "unseen series", "eight unseen series"} & set(rows), done.stderr
    assert int(rows["Aggregated"]["Request Count"]) > 0
    assert int(rows["Aggregated"]["Failure Count"]) == 0


def test_the_profile_ends_with_status_one_where_requests_fail(tmp_path: Path) -> None:
    done = locust(9, tmp_path, 2)
    assert done.returncode == 1
    assert "missed: " in done.stdout
