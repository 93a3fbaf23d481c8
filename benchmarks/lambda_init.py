"""What a cold function costs before it answers, how large its zip is, and what a warm one adds: `python -m benchmarks.lambda_init`.

* CPU of the start of each function, from its zip, beside bare boto3 with one client; both see what the runtime provides and nothing
  else, and take turns. Of predict also the start and its first answer, beside boto3's, as some work may wait for the first request.
* CPU of a warm request on each route with nothing behind it: reading, routing, signing, logging, metrics.
* The direct client beside boto3's `invoke_endpoint`, against a server of another process.
* A known region through the emulator's HTTP API and Lambda: wall time, so beside it stands how late the machine wakes a sleeping process.

The targets are 1.25 and 1.35 times boto3, 1.5 MB, 3 ms, and a 99th percentile of 100 ms.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.functions import front_door, warm
from benchmarks.functions.runtime import environment, interpreter, unpacked
from benchmarks.record import Recorder, recording
from pipelines import packaging

LIMITS = {"predict": 1.25, "train": 1.35}
MAX_MEGABYTES = 1.5
BARE = "import boto3; boto3.client('sagemaker-runtime')"
_TIMED = "import time\nbefore = time.process_time()\n{code}\nprint(time.process_time() - before)"


FIRST = """
import lambdas.predict.handler as function
body = '{"inputs": [{"target": [1.0, 2.0, 3.0, 4.0, 5.0]}]}'
assert function.handler({"requestContext": {}, "headers": {}, "body": body}, None)["statusCode"] == 200
"""
BARE_FIRST = f"""
{BARE.replace("boto3.client", "client = boto3.client")}
client.invoke_endpoint(EndpointName="cpu", Body=b"{{}}", ContentType="application/json")["Body"].read()
"""


def start_ms(code: str, folder: Path, **settings: str) -> float:
    """CPU ms of `code` in a new interpreter that sees the zip and the runtime."""
    command = [*interpreter(), "-c", _TIMED.format(code=code)]
    done = subprocess.run(command, env=environment(folder, settings), cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1]) * 1000


def in_turns(recorder: Recorder, name: str, unit: str, code: dict[str, str], rounds: int, place: Path, **settings: str) -> None:  # noqa: PLR0917
    """A line of the quickest of the rounds on each side, with the ratio of the medians for comparison."""
    seen: dict[str, list[float]] = {side: [] for side in code}
    for _ in range(rounds):
        for side, text in code.items():
            seen[side].append(start_ms(text, place, **settings))
    medians = statistics.median(seen["ours"]) / statistics.median(seen["bare"])
    limit = next((f"; target {LIMITS[function]}" for function in LIMITS if name == f"lambda.{function}.start"), "")
    recorder.add(name, min(seen["ours"]), min(seen["bare"]), unit, f"best of {rounds} in turns; ratio of the medians {medians:.2f}{limit}")


def starts(recorder: Recorder, rounds: int, folder: Path) -> None:
    """Each function beside bare boto3, and the size of its zip."""
    for name in packaging.names():
        (folder / name).mkdir()
        content = packaging.package(name)
        place = unpacked(content, folder / name)
        code = {"ours": f"import lambdas.{name}.handler", "bare": BARE}
        in_turns(recorder, f"lambda.{name}.start", "CPU ms of the start; rival bare boto3 and one client", code, rounds, place)
        recorder.add(f"lambda.{name}.zip", len(content) / 1e6, MAX_MEGABYTES, "MB of the zip; rival the limit")
    with warm.answering() as url:
        settings = {"AWS_ENDPOINT_URL": url, "HOUSING_CPU_ENDPOINT_NAME": "cpu"}
        code = {"ours": FIRST, "bare": BARE_FIRST}
        unit = "CPU ms of the start and the first answer; rival boto3's client"
        in_turns(recorder, "lambda.predict.first_answer", unit, code, rounds, folder / "predict", **settings)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--requests", type=int, default=2000)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder, recording("lambda_init") as recorder:
        starts(recorder, arguments.rounds, Path(folder))
        warm.routes(recorder, arguments.requests)
        warm.direct(recorder, arguments.requests)
        front_door.known_region(recorder, Path(folder), arguments.requests)


if __name__ == "__main__":
    main()
