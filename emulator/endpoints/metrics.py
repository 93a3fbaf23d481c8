"""Invocation metrics, summed up on the event loop and sent to CloudWatch a second later."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.context import Context

NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS = 1.0
_MICROSECONDS = frozenset({"ModelLatency", "OverheadLatency", "ModelSetupTime"})
_LOG = logging.getLogger(__name__)


class Summary:
    """What CloudWatch calls a statistic set."""

    __slots__ = ("count", "maximum", "minimum", "total")

    def __init__(self) -> None:
        self.count, self.total, self.minimum, self.maximum = 0, 0.0, float("inf"), float("-inf")

    def add(self, value: float) -> None:
        """One more value."""
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)


class Metrics:
    """The metrics of the invocations of one emulator. For the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._summaries: dict[tuple[str, str, str], Summary] = {}

    def invoked(self, endpoint: str, variant: str, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Count one invocation; `status` is the model's, 0 when it gave none."""
        self.add(endpoint, variant, "Invocations", 1)
        self.add(endpoint, variant, "Invocation4XXErrors", 400 <= status < 500)
        self.add(endpoint, variant, "Invocation5XXErrors", status >= 500 or status == 0)
        self.add(endpoint, variant, "InvocationModelErrors", not 200 <= status < 300)
        self.add(endpoint, variant, "ModelLatency", model_seconds * 1e6)
        self.add(endpoint, variant, "OverheadLatency", overhead_seconds * 1e6)

    def add(self, endpoint: str, variant: str, name: str, value: float) -> None:
        """One value of a metric; times are in microseconds."""
        if not self._summaries:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)
        key = (endpoint, variant, name)
        summary = self._summaries.get(key)
        if summary is None:
            summary = self._summaries[key] = Summary()
        summary.add(value)

    def _flush(self) -> None:
        summaries, self._summaries = self._summaries, {}
        asyncio.get_running_loop().run_in_executor(None, self._send, summaries, datetime.now(UTC))

    def _send(self, summaries: dict[tuple[str, str, str], Summary], now: datetime) -> None:
        data = [_datum(*key, summary, now) for key, summary in summaries.items()]
        try:
            self._context.part(Clients).get("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            _LOG.warning("metrics: %s", error)


def _datum(endpoint: str, variant: str, name: str, summary: Summary, now: datetime) -> dict[str, Any]:
    statistics = {"SampleCount": summary.count, "Sum": summary.total, "Minimum": summary.minimum, "Maximum": summary.maximum}
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        "Timestamp": now,
        "StatisticValues": statistics,
        "Unit": "Microseconds" if name in _MICROSECONDS else "Count",
    }
