"""Hostile requests by the thousand: the fuzzer of the tests with more examples, and schemathesis on a running server's /openapi.json.

`python -m benchmarks.hostile [--examples 20000] [--schemathesis-examples 200] [--members naive,momentum]`. Ends with status 1 on any 5xx,
any answer that the OpenAPI document does not foresee, or a crash.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import Recorder, recording
from benchmarks.rivals import RivalMissingError, rival_python
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.process import serving

ROOT = Path(__file__).parents[1]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(examples: int, recorder: Recorder) -> int:
    """The property test with `examples` requests; pytest's exit status."""
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", str(ROOT / "tests/integration/inference/test_hostile.py")]
    status = subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, "HOUSING_FUZZ_EXAMPLES": str(examples)}).returncode
    recorder.add("hostile.fuzzer", float(status), 1.0, "0 when nothing failed", f"{examples} requests, {time.monotonic() - started:.0f} s")
    return status


def schemathesis(folder: Path, members: str, examples: int, recorder: Recorder) -> int:
    """`examples` requests per operation made from the document; the exit status, 0 where schemathesis cannot be installed."""
    try:
        python = rival_python("schemathesis", "schemathesis>=4,<5")
    except RivalMissingError as error:
        print(f"# {error}", flush=True)
        return 0
    with serving(make_artifact(folder, members)) as (process, port):
        command = [str(python.parent / "schemathesis"), "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", CHECKS]
        command += ["--max-examples", str(examples), "--no-color", "--continue-on-failure"]
        status = subprocess.run(command, check=False, cwd=folder).returncode
        alive = process.poll() is None
    recorder.add("hostile.schemathesis", float(status or not alive), 1.0, "0 when nothing failed", f"{examples} examples an operation")
    return status or int(not alive)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--schemathesis-examples", type=int, default=200)
    parser.add_argument("--members", default="naive,momentum")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder, recording("hostile") as recorder:
        failed = schemathesis(Path(folder), arguments.members, arguments.schemathesis_examples, recorder)
        if arguments.examples:
            failed |= fuzz(arguments.examples, recorder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
