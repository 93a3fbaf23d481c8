"""What one instance carries: requests per second within a latency goal, and the autoscaling target that follows.

`python -m benchmarks.capacity [--members naive,momentum,xgboost] [--goal 500] [--seconds 8]` measures a local server;
`--endpoint NAME` an endpoint of one instance in the account of the environment. Requests come at fixed times, whether or not earlier
ones are answered (an open loop), one unseen series each; the rate climbs by a quarter until the 95th percentile is over the goal (in
milliseconds) or a request fails. The last rate that held is the capacity.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.batch import made_up_prices
from benchmarks.record import recording
from benchmarks.servers.artifact import make_artifact
from benchmarks.servers.process import serving
from pipelines.scaling import target_concurrency, target_invocations

HEADROOM = 0.7
STEP = 1.25
THREADS = 64
WARM_SECONDS = 1.0

Ask = Callable[[bytes], bool]


@dataclass(frozen=True)
class Held:
    """What happened at a rate: mean and 95th percentile of the latency in milliseconds, share of failures."""

    rate: float
    mean: float
    p95: float
    failed: float


def at_rate(ask: Ask, bodies: list[bytes], rate: float, seconds: float) -> Held:
    """Send requests at fixed times for a while; latency counts from the time at which a request was due."""
    latencies: list[float] = []
    failures: list[int] = []

    def one(due: float, number: int) -> None:
        fine = ask(bodies[number % len(bodies)])
        if due - begin > WARM_SECONDS:
            latencies.append(1000 * (time.monotonic() - due))
            failures.append(not fine)

    begin = time.monotonic() + 0.1
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(math.ceil(rate * (seconds + WARM_SECONDS))):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            threads.submit(one, due, number)
    ordered = sorted(latencies)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Held(rate, sum(ordered) / len(ordered), p95, sum(failures) / len(failures))


def climb(ask: Ask, bodies: list[bytes], goal: float, seconds: float, first: float) -> Held | None:
    """The highest rate of the ladder that was held; None when not even the first was."""
    best, rate = None, first
    while True:
        held = at_rate(ask, bodies, rate, seconds)
        print(f"# {held.rate:7.1f} a second: mean {held.mean:7.1f} ms, p95 {held.p95:7.1f} ms, {held.failed:.1%} failed", flush=True)
        if held.p95 > goal or held.failed:
            return best
        best, rate = held, rate * STEP


def local(port: int) -> Ask:
    """Asks a server on this computer, over one connection per thread."""
    connections = threading.local()

    def ask(body: bytes) -> bool:
        connection = getattr(connections, "it", None)
        if connection is None:
            connection = connections.it = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/invocations", body, {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status == http.HTTPStatus.OK

    return ask


def remote(endpoint: str) -> Ask:
    """Asks an endpoint of SageMaker."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    runtime = boto3.client("sagemaker-runtime", config=Config(max_pool_connections=THREADS, retries={"total_max_attempts": 1}))

    def ask(body: bytes) -> bool:
        try:
            runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=body)["Body"].read()
        except (BotoCoreError, ClientError):
            return False
        return True

    return ask


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", default="naive,momentum,xgboost")
    parser.add_argument("--endpoint")
    parser.add_argument("--goal", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--first", type=float, default=10.0)
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    bodies = [json.dumps({"inputs": [{"target": row}]}).encode() for row in made_up_prices(64).tolist()]
    with tempfile.TemporaryDirectory() as folder, recording("capacity") as recorder:
        if chosen.endpoint:
            held = climb(remote(chosen.endpoint), bodies, chosen.goal, chosen.seconds, chosen.first)
        else:
            with serving(make_artifact(Path(folder), chosen.members)) as (_, port):
                held = climb(local(port), bodies, chosen.goal, chosen.seconds, chosen.first)
        if held is None:
            raise SystemExit(f"capacity: not even {chosen.first:g} a second were answered within {chosen.goal:g} ms")
        what = chosen.endpoint or f"{os.cpu_count()} cores, members {chosen.members}"
        note = f"{what}; mean {held.mean:.1f} ms, p95 {held.p95:.1f} ms, goal {chosen.goal:g} ms"
        recorder.add("capacity.rate", held.rate, chosen.first, "requests a second; rival the first rate", note)
        invocations = target_invocations(held.rate, HEADROOM)
        recorder.add("capacity.invocations", invocations, held.rate * 60, "target, per instance and minute; rival the capacity")
        concurrency = target_concurrency(held.rate, held.mean / 1000, HEADROOM)
        recorder.add("capacity.concurrency", concurrency, held.rate * held.mean / 1000, "target, requests in flight; rival the capacity")


if __name__ == "__main__":
    main()
