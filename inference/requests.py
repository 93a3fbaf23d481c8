"""Counts and latencies of requests, kept without locks: only the event loop writes them, and most of telemetry's time was theirs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class RequestStatistics(Collector):
    """Requests in flight, answered by route and status, and a histogram of their seconds by route with the upper `bounds`."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.in_flight = 0
        self._bounds = tuple(bounds)
        self._answered: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = (route, status)
        self._answered[key] = self._answered.get(key, 0) + 1
        if route not in self._buckets:
            self._buckets[route], self._seconds[route] = [0] * (len(self._bounds) + 1), 0.0
        self._buckets[route][bisect_left(self._bounds, seconds)] += 1
        self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """The three families as Prometheus knows them."""
        answered = CounterMetricFamily("housing_requests", "Requests by route and status", labels=["route", "status"])
        for (route, status), count in self._answered.items():
            answered.add_metric([route, str(status)], count)
        latency = HistogramMetricFamily("housing_request_seconds", "Time to the answer", labels=["route"])
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for route, counts in self._buckets.items():
            latency.add_metric([route], list(zip(names, accumulate(counts), strict=True)), self._seconds[route])
        yield answered
        yield latency
        yield GaugeMetricFamily("housing_requests_in_flight", "Requests being answered", value=self.in_flight)
