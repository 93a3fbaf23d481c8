"""The Locust profile against a local server: `python -m benchmarks.endpoint_load [--seconds 20] [--users 16] [--members naive,momentum]`.

Ends with status 1 when the profile's thresholds are missed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.record import Recorder, recording
from benchmarks.rivals import RivalMissingError, rival_python
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.process import serving

PROFILE = Path(__file__).parent / "load" / "locustfile.py"
LIMITS = PROFILE.with_name("limits.json")


def apply(command: list[str], folder: Path, recorder: Recorder) -> int:
    """Run the profile and record each kind of request; Locust's exit status."""
    done = subprocess.run(
        [*command, "--only-summary", "--csv", str(folder / "load")], check=False, capture_output=True, text=True, cwd=folder
    )
    for line in done.stdout.splitlines():
        if line.startswith("missed: "):
            print(f"# {line}", flush=True)
    limits = json.loads(LIMITS.read_text())
    with (folder / "load_stats.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            asked, failed = int(row["Request Count"]), int(row["Failure Count"])
            p95, limit = float(row["95%"] or 0), limits.get(row["Name"])
            if limit:
                recorder.add(
                    f"load.{row['Name']}", p95, limit, "p95 in milliseconds; rival the limit", f"{asked} requests, {failed} failed"
                )
    return done.returncode


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--members", default="naive,momentum")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        python = rival_python("locust", "locust>=2.40,<3")
    except RivalMissingError as error:
        sys.exit(f"load: {error}")
    with tempfile.TemporaryDirectory() as folder, recording("endpoint_load") as recorder:
        model = make_artifact(Path(folder), arguments.members)
        with serving(model) as (_, port):
            command = [str(python), "-m", "locust", "-f", str(PROFILE), "--headless", "--host", f"http://127.0.0.1:{port}"]
            command += ["-u", str(arguments.users), "-r", str(arguments.users), "-t", f"{arguments.seconds}s"]
            status = apply(command, Path(folder), recorder)
    sys.exit(status)


if __name__ == "__main__":
    main()
