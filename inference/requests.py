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
        # By route and status: how many in each bucket, and last the sum of their seconds. One look-up per request.
        self._cells: dict[tuple[str, int], list[float]] = {}

    def add(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        cell = self._cells.get((route, status))
        if cell is None:
            cell = self._cells[route, status] = [0] * (len(self._bounds) + 1) + [0.0]
        cell[bisect_left(self._bounds, seconds)] += 1
        cell[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """The three families as Prometheus knows them."""
        answered = CounterMetricFamily("housing_requests", "Requests by route and status", labels=["route", "status"])
        by_route: dict[str, list[float]] = {}
        for (route, status), cell in self._cells.items():
            answered.add_metric([route, str(status)], sum(cell[:-1]))
            by_route[route] = [one + other for one, other in zip(by_route.get(route, [0] * len(cell)), cell, strict=True)]
        latency = HistogramMetricFamily("housing_request_seconds", "Time to the answer", labels=["route"])
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for route, (*counts, seconds) in by_route.items():
            latency.add_metric([route], list(zip(names, accumulate(counts), strict=True)), seconds)
        yield answered
        yield latency
        yield GaugeMetricFamily("housing_requests_in_flight", "Requests being answered", value=self.in_flight)
