"""What the server says of itself: Prometheus metrics and one JSON object per log line."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from inference.batcher import Batcher, BatchReport
from inference.gpu import gpu_collector
from inference.requests import RequestStatistics

if TYPE_CHECKING:
    from inference.model import Model
    from inference.spans import Spans

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_TRACED = frozenset({"/invocations", "/v1/forecast"})
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Telemetry:
    """The metrics of one server, in a registry of its own, its log and, where wanted, its `spans`."""

    def __init__(self, spans: Spans | None = None) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        if (gpus := gpu_collector()) is not None:
            self.registry.register(gpus)
        self.spans = spans
        self.log = json_log()
        registry = self.registry
        self._requests = RequestStatistics(_SECONDS)
        registry.register(self._requests)
        self._errors = Counter("housing_errors", "Error bodies by code", ["code"], registry=registry)
        self._batch_rows = Histogram("housing_batch_rows", "Unseen series in one model call", buckets=_ROWS, registry=registry)
        self._predict = Histogram("housing_predict_seconds", "Time of one model call", buckets=_SECONDS, registry=registry)
        self._member = Histogram("housing_member_seconds", "Time of one member in a call", ["member"], buckets=_SECONDS, registry=registry)
        self._wait = Histogram("housing_queue_wait_seconds", "Wait of a batch's oldest request", buckets=_SECONDS, registry=registry)
        self._load = Gauge("housing_model_load_seconds", "Time to load and warm up", registry=registry)
        self._newest = Gauge("housing_model_newest_data_timestamp_seconds", "Begin of the newest period the model knows", registry=registry)
        self._info = Gauge("housing_model_info", "The loaded model", ["model_version"], registry=registry)
        self._queue = Gauge("housing_queue_rows", "Series that wait", registry=registry)
        self._members: dict[str, Histogram] = {}

    def started(self) -> float:
        """A request came in; the value goes to `finished`."""
        self._requests.in_flight += 1
        return time.perf_counter()

    def finished(
        self, route: str, status: int, started: float, code: str | None = None, headers: Mapping[bytes, bytes] | None = None
    ) -> float:
        """A request with these `headers` was answered, with an error `code` or without; the seconds it took."""
        seconds = time.perf_counter() - started
        self._requests.in_flight -= 1
        self._requests.add(route, status, seconds)
        if code is not None:
            self._errors.labels(code).inc()
        if self.spans is not None and route in _TRACED:
            self.spans.record(headers or {}, route, status, seconds, code)
        return seconds

    def member(self, name: str, seconds: float) -> None:
        """An online member has predicted; may be called from any thread."""
        if name not in self._members:
            self._members[name] = self._member.labels(name)
        self._members[name].observe(seconds)

    def batch(self, report: BatchReport) -> None:
        """A batch was predicted."""
        self._batch_rows.observe(report.rows)
        self._predict.observe(report.predict_seconds)
        self._wait.observe(report.wait_seconds)

    def loaded(self, model: Model, batcher: Batcher[Any, Any]) -> None:
        """The model answers from now on, through `batcher`."""
        self._queue.set_function(lambda: batcher.queued_rows)
        self._load.set(model.load_seconds)
        self._newest.set(float(model.forecaster.last_date.astype("datetime64[s]").astype(int)))
        self._info.labels(model.version).set(1)

    def close(self) -> None:
        """Send the spans that wait."""
        if self.spans is not None:
            self.spans.close()

    def exposition(self) -> bytes:
        """The metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class _JsonFormatter(logging.Formatter):
    """`{"time", "level", "message", ...facts}` on one line."""

    def format(self, record: logging.LogRecord) -> str:
        content = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        content |= getattr(record, "facts", {})
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content)


def json_log() -> logging.Logger:
    """The log of the server: one JSON object per line on standard output."""
    log = logging.getLogger("inference")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_JsonFormatter())
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    return log
