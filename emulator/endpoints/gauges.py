"""Metrics that tell of a state rather than of invocations: concurrency of each variant, and the backlog of asynchronous endpoints."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.context import Context
from emulator.endpoints.asynchronous import AsynchronousInvocations
from emulator.endpoints.fleet import Fleet
from emulator.endpoints.load import Reading
from emulator.endpoints.metrics import NAMESPACE, datum
from emulator.endpoints.retention import compact_metrics
from emulator.endpoints.scaling.speed import scaling_speed
from emulator.operations import at_start

_PERIOD_SECONDS = 10.0
_COMPACT_SECONDS = 900.0
_LOG = logging.getLogger(__name__)


@at_start
def begin(context: Context) -> None:
    """Let the gauges be read."""
    context.part(Gauges)


class Gauges:
    """Reads the gauges of one emulator every ten seconds, or as much more often as the auto scaler is faster."""

    def __init__(self, context: Context) -> None:
        self._context, self._closed = context, threading.Event()
        self._fleet, self._invocations = context.part(Fleet), context.part(AsynchronousInvocations)
        self._before: dict[tuple[str, str], Reading] = {}
        self._pause_seconds = max(1.0, _PERIOD_SECONDS / scaling_speed())
        threading.Thread(target=self._run, name="gauges", daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._closed.set()

    def _run(self) -> None:
        compacted = time.monotonic()
        while not self._closed.wait(self._pause_seconds):
            if time.monotonic() - compacted > _COMPACT_SECONDS:
                compacted = time.monotonic()
                compact_metrics(self._context)
            data = [item for endpoint in self._fleet.endpoints() for item in self._read(endpoint, datetime.now(UTC))]
            try:
                if data:
                    self._context.part(Clients).get("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
            except (BotoCoreError, ClientError) as error:
                if not self._closed.is_set():
                    _LOG.warning("gauges: %s", error)

    def _read(self, endpoint: str, now: datetime) -> list[dict[str, Any]]:
        routes = self._fleet.routes(endpoint)
        if routes is None:
            return []
        if routes.asynchronous:
            return self._backlog(endpoint, sum(variant.count for variant in routes.running), now)
        data = []
        for variant in routes.running:
            reading, before = variant.load.read(), self._before.get((endpoint, variant.name))
            self._before[endpoint, variant.name] = reading
            if before is not None and reading.at > before.at:
                concurrent = (reading.busy_seconds - before.busy_seconds) / (reading.at - before.at)
                data.append(_gauge(endpoint, variant.name, "ConcurrentRequestsPerModel", concurrent / max(1, variant.count), now))
        return data

    def _backlog(self, endpoint: str, instances: int, now: datetime) -> list[dict[str, Any]]:
        waiting = self._invocations.waiting(endpoint)
        values: dict[str, float] = {"ApproximateBacklogSize": waiting, "HasBacklogWithoutCapacity": int(waiting > 0 and not instances)}
        if instances:  # with none there is no such value: scaling out from zero needs a step policy on HasBacklogWithoutCapacity
            values["ApproximateBacklogSizePerInstance"] = waiting / instances
        return [_gauge(endpoint, None, name, value, now) for name, value in values.items()]


def _gauge(endpoint: str, variant: str | None, name: str, value: float, now: datetime) -> dict[str, Any]:
    return datum(endpoint, variant, name, {"SampleCount": 1, "Sum": value, "Minimum": value, "Maximum": value}, now)
