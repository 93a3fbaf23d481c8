"""10,000 hostile API events for the predict function, the real server behind it: `python -m benchmarks.lambda_hostile [--examples N]`.

The property test with more examples. Ends with status 1 on any 5xx, or an answer that API Gateway could not pass on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.record import cpu_seconds, recording

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=10_000)
    examples = parser.parse_args().examples
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", str(ROOT / "tests/integration/lambdas/test_hostile.py")]
    environment = {**os.environ, "HOUSING_FUZZ_EXAMPLES": str(examples), "OMP_NUM_THREADS": "1"}
    status = subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode
    note = f"{examples} events, {time.monotonic() - started:.0f} s, {cpu_seconds(children=True):.0f} s of CPU"
    with recording("lambda_hostile") as recorder:
        recorder.add("lambda.hostile", float(status), 1.0, "0 when nothing failed", note)
    sys.exit(status)


if __name__ == "__main__":
    main()
