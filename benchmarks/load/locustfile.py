"""The load profile of an endpoint, for Locust: known regions, unseen series, and the probe beside them.

`locust -f benchmarks/load/locustfile.py --headless -u 16 -r 16 -t 60s --host http://127.0.0.1:8080`. The exit status is 1 when more than
HOUSING_LOAD_MAX_ERRORS of the requests fail (a share, default 0.001) or the 95th percentile of a kind is slower than its limit.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from locust import HttpUser, constant_throughput, events, task
from locust.env import Environment

MAX_ERROR_SHARE = float(os.environ.get("HOUSING_LOAD_MAX_ERRORS", "0.001"))
P95_MILLISECONDS = json.loads((Path(__file__).parent / "limits.json").read_text())
"""Generous: a laptop under load passes, a server that queues without end does not."""


class Caller(HttpUser):
    """Twice a second at most: most ask for a known region."""

    wait_time = constant_throughput(2)

    def on_start(self) -> None:
        self.regions = self.client.get("/v1/regions", name="regions").json()["regions"]

    @task(8)
    def known_region(self) -> None:
        self.forecast("known region", [{"item_id": random.choice(self.regions)}])

    @task(3)
    def unseen_series(self) -> None:
        self.forecast("unseen series", [series()])

    @task(1)
    def eight_unseen_series(self) -> None:
        self.forecast("eight unseen series", [series() for _ in range(8)])

    @task(1)
    def ping(self) -> None:
        self.client.get("/ping", name="ping")

    def forecast(self, name: str, inputs: list[dict[str, object]]) -> None:
        """One POST; an answer without a prediction per input is a failure."""
        with self.client.post("/invocations", json={"inputs": inputs}, name=name, catch_response=True) as response:
            if response.status_code != 200 or len(response.json()["predictions"]) != len(inputs):
                response.failure(f"status {response.status_code}")


def series() -> dict[str, object]:
    """Sixty months that nobody has sent before."""
    level = random.uniform(5e4, 5e5)
    return {"target": [round(level * (1.003**month) * random.uniform(0.99, 1.01), 2) for month in range(60)]}


@events.quitting.add_listener
def judge(environment: Environment, **_: object) -> None:
    """Say which limit was missed and end with status 1."""
    total = environment.stats.total
    missed = [] if total.num_requests else ["no request was made"]
    if total.fail_ratio > MAX_ERROR_SHARE:
        missed.append(f"{total.fail_ratio:.2%} of the requests failed; at most {MAX_ERROR_SHARE:.2%}")
    for entry in environment.stats.entries.values():
        limit = P95_MILLISECONDS.get(entry.name)
        p95 = entry.get_response_time_percentile(0.95) or 0
        if limit is not None and p95 > limit:
            missed.append(f"{entry.name}: the 95th percentile took {p95:.0f} ms; at most {limit} ms")
    for line in missed:
        print(f"missed: {line}")
    environment.process_exit_code = 1 if missed else 0
