"""An emulator whose waits are short but not nothing, and a steady stream of requests to an endpoint in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emulator import lifecycle

ROOT = Path(__file__).parents[4]
TOY = ROOT / "tests" / "integration" / "emulator" / "toy"


@pytest.fixture(scope="session")
def caller_emulator(tmp_path_factory: pytest.TempPathFactory, start_emulator: Callable[..., Any]) -> Iterator[Any]:
    """A bake of five minutes takes four and a half seconds; the auto scaler lives sixty times as fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMULATOR_WAIT_SCALE", "0.015")
        patch.setenv("EMULATOR_SCALING_SPEED", "60")
        patch.setenv("EMULATOR_VARIANT_PROCESSES", "1")
        running = start_emulator(tmp_path_factory.mktemp("load") / "home")
    running.client("s3").create_bucket(Bucket="toys", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield running
    lifecycle.down(running.home)


@dataclass(frozen=True)
class Reply:
    """One request: when it was sent, the name in its answer, or the error."""

    sent: float
    name: str
    error: str = ""


class Stream:
    """Requests at a fixed rate from a pool of threads, until it is stopped; none waits for another."""

    def __init__(self, client: Any, endpoint: str, rate: float, body: dict[str, Any]) -> None:
        self._client, self._endpoint, self._body = client, endpoint, json.dumps(body).encode()
        self._gap, self._stop = 1 / rate, threading.Event()
        self.replies: list[Reply] = []
        self._threads = ThreadPoolExecutor(64)
        self._clock = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stream:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._clock.join()
        self._threads.shutdown()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._threads.submit(self._ask)
            due = max(due + self._gap, time.monotonic() - self._gap)  # what a busy computer missed is not sent in a burst

    def _ask(self) -> None:
        sent = time.monotonic()
        try:
            answer = self._client.invoke_endpoint(EndpointName=self._endpoint, ContentType="application/json", Body=self._body)
            self.replies.append(Reply(sent, json.loads(answer["Body"].read())["name"]))
        except (ClientError, BotoCoreError) as error:
            self.replies.append(Reply(sent, "", str(error)))

    @property
    def failed(self) -> list[Reply]:
        return [reply for reply in self.replies if reply.error]


@pytest.fixture
def stream(aws: Any) -> Callable[..., Stream]:
    """`stream(endpoint, rate)` as a context sends requests while its block runs."""
    config = Config(max_pool_connections=64)
    return lambda endpoint, rate=50.0, **body: Stream(aws.client("sagemaker-runtime", config=config), endpoint, rate, body)
