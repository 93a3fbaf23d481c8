"""`serve` with telemetry that times its own calls; at its end it prints their seconds and the CPU of the process since it was ready."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.record import cpu_seconds
from inference.process import serve
from inference.serve import listen, use_one_thread
from inference.settings import Settings
from inference.telemetry import Telemetry

CALLS = ("started", "finished", "batch", "member")


class Measured(Telemetry):
    """Adds up the CPU time of its calls, less what the clock itself takes."""

    def __init__(self) -> None:
        super().__init__()
        self.spent = 0.0
        self.cpu_when_ready = 0.0
        for name in CALLS:
            setattr(self, name, self._watched(getattr(self, name)))

    def loaded(self, model: Any, batcher: Any) -> None:
        super().loaded(model, batcher)
        self.spent, self.cpu_when_ready = 0.0, cpu_seconds()

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            # The clock is a system call that takes about as long as what it measures: its own time is taken off where and when it is spent.
            first = time.thread_time()
            began = time.thread_time()
            result = call(*arguments, **named)
            self.spent += (time.thread_time() - began) - (began - first)
            return result

        return watched


if __name__ == "__main__":
    use_one_thread()
    telemetry = Measured()
    settings = Settings.from_environment()
    status = uvloop.run(serve(settings, telemetry, listen(settings)))
    print(json.dumps({"telemetry": telemetry.spent, "process": cpu_seconds() - telemetry.cpu_when_ready}), flush=True)
    os._exit(status)
