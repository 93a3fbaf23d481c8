"""Invocation metrics, summed up on the event loop and sent to CloudWatch a second later."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.context import Context

NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS = 1.0
_KEPT_VALUES, _KEPT_SECONDS = 256, 900
_LOG = logging.getLogger(__name__)


class Summary:
    """What CloudWatch calls a statistic set, with some of the values for percentiles: the first 256 of a second."""

    __slots__ = ("count", "maximum", "minimum", "total", "values")

    def __init__(self) -> None:
        self.count, self.total, self.minimum, self.maximum = 0, 0.0, float("inf"), float("-inf")
        self.values: list[float] = []

    def add(self, value: float) -> None:
        """One more value."""
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        if self.count <= _KEPT_VALUES:
            self.values.append(value)


class _Second:
    """What happened to one variant since the last flush."""

    __slots__ = ("client_errors", "invocations", "latency", "model_errors", "overhead", "per_instance", "server_errors")

    def __init__(self) -> None:
        self.invocations = self.client_errors = self.server_errors = self.model_errors = 0
        self.per_instance = 0.0
        self.latency, self.overhead = Summary(), Summary()

    def data(self) -> Iterator[tuple[str, str, dict[str, float]]]:
        """Name, unit and statistic set of each metric; the service counts an invocation that has no error as a 0."""
        for name, total in (
            ("Invocations", self.invocations),
            ("Invocation4XXErrors", self.client_errors),
            ("Invocation5XXErrors", self.server_errors),
            ("InvocationModelErrors", self.model_errors),
        ):
            low, high = int(total == self.invocations), int(total > 0)
            yield name, "Count", {"SampleCount": self.invocations, "Sum": total, "Minimum": low, "Maximum": high}
        mean = self.per_instance / self.invocations
        yield "InvocationsPerInstance", "Count", _statistics(self.invocations, self.per_instance, mean, mean)
        for name, summary in (("ModelLatency", self.latency), ("OverheadLatency", self.overhead)):
            yield name, "Microseconds", _statistics(summary.count, summary.total * 1e6, summary.minimum * 1e6, summary.maximum * 1e6)


def _statistics(count: int, total: float, minimum: float, maximum: float) -> dict[str, float]:
    return {"SampleCount": count, "Sum": total, "Minimum": minimum, "Maximum": maximum}


class Metrics:
    """The metrics of the invocations of one emulator; `context.part(Metrics)` is the one to use. `invoked` is for the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seconds: dict[tuple[str, str], _Second] = {}
        self._latencies: dict[tuple[str, str, str], deque[tuple[float, list[float]]]] = {}

    def invoked(  # noqa: PLR0917
        self, endpoint: str, variant: str, instances: int, status: int, model_seconds: float, overhead_seconds: float
    ) -> None:
        """Count one invocation; `status` is the model's, 0 when it gave none."""
        key = (endpoint, variant)
        second = self._seconds.get(key)
        if second is None:
            if not self._seconds:
                asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)
            second = self._seconds[key] = _Second()
        second.invocations += 1
        second.per_instance += 1 / (instances or 1)
        second.latency.add(model_seconds)
        second.overhead.add(overhead_seconds)
        if not 200 <= status < 300:
            second.model_errors += 1
            second.client_errors += 400 <= status < 500
            second.server_errors += status >= 500 or status == 0

    def values(self, endpoint: str, variant: str, name: str, start: float, end: float) -> list[float]:
        """Values of ModelLatency or OverheadLatency, in microseconds, between two times of the last quarter of an hour."""
        kept = list(self._latencies.get((endpoint, variant, name), ()))
        return [value * 1e6 for at, values in kept if start <= at < end for value in values]

    def _flush(self) -> None:
        seconds, self._seconds = self._seconds, {}
        now = datetime.now(UTC)
        for (endpoint, variant), second in seconds.items():
            for name, summary in (("ModelLatency", second.latency), ("OverheadLatency", second.overhead)):
                kept = self._latencies.setdefault((endpoint, variant, name), deque(maxlen=_KEPT_SECONDS))
                kept.append((now.timestamp(), summary.values))
        asyncio.get_running_loop().run_in_executor(None, self._send, seconds, now)

    def _send(self, seconds: dict[tuple[str, str], _Second], now: datetime) -> None:
        data = [
            datum(endpoint, variant, name, statistics, now, unit)
            for (endpoint, variant), second in seconds.items()
            for name, unit, statistics in second.data()
        ]
        try:
            self._context.part(Clients).get("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            _LOG.warning("metrics: %s", error)


def datum(  # noqa: PLR0917
    endpoint: str, variant: str | None, name: str, statistics: dict[str, float], now: datetime, unit: str = "Count"
) -> dict[str, Any]:
    """One entry of PutMetricData, of a variant or of a whole endpoint."""
    dimensions = {"EndpointName": endpoint} | ({} if variant is None else {"VariantName": variant})
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Timestamp": now,
        "StatisticValues": statistics,
        "Unit": unit,
    }
