"""Our server with the model of the comparison: the same sockets, body reader, batcher, telemetry and answer as `inference`."""

from __future__ import annotations

import sys
import time
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import uvicorn
import uvloop

from benchmarks.servers.comparison import FEATURES, Comparison
from inference.batcher import Batcher
from inference.http import Answer, Receive, Scope, Send, headers_of, read_body, send_answer
from inference.settings import REALTIME_BODY_BYTES
from inference.telemetry import Telemetry


class Instances(msgspec.Struct):
    """`{"instances": [[...], ...]}`."""

    instances: list[list[float]]


decoder = msgspec.json.Decoder(Instances)


class App:
    """GET /ping and POST /invocations."""

    def __init__(self) -> None:
        self.model = Comparison()
        self.telemetry = Telemetry()
        self.batcher: Batcher[Any, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/ping":
            await send_answer(send, Answer(b"{}"))
            return
        if self.batcher is None:
            self.batcher = Batcher(self.model.predict, join=np.concatenate, on_batch=self.telemetry.batch, expected_seconds=self.warm())
        started = self.telemetry.started()
        body = await read_body(headers_of(scope), receive, REALTIME_BODY_BYTES)
        instances = decoder.decode(body).instances
        if any(len(row) != FEATURES for row in instances):
            await send_answer(send, Answer(b'{"error":"instances: 100 numbers each"}', status=400))
            return
        # A third quicker than np.array, which looks at every number of a nested list twice.
        rows = np.fromiter(chain.from_iterable(instances), np.float32, len(instances) * FEATURES).reshape(-1, FEATURES)
        values = await self.batcher.submit(rows)
        await send_answer(send, Answer(b'{"predictions":' + msgspec.json.encode(values.tolist()) + b"}"))
        self.telemetry.finished("/invocations", 200, started)

    def warm(self) -> float:
        """Seconds of one row: the quickest of five, so that a busy machine is not taken for a slow model."""
        row = np.zeros((1, FEATURES), dtype=np.float32)
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            self.model.predict(row)
            seconds.append(time.perf_counter() - started)
        return min(seconds)


if __name__ == "__main__":
    config = uvicorn.Config(App(), port=int(sys.argv[1]), http="httptools", lifespan="off", access_log=False, log_level="error")
    uvloop.run(uvicorn.Server(config).serve())
