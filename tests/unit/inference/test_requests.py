"""Request statistics in the Prometheus text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from inference.requests import RequestStatistics


def test_counts_and_buckets_are_those_of_a_prometheus_histogram() -> None:
    statistics, registry = RequestStatistics((0.1, 1)), CollectorRegistry()
    registry.register(statistics)
    statistics.in_flight += 2
    for seconds, status in [(0.05, 200), (0.1, 200), (0.5, 503), (7.0, 200)]:
        statistics.add("/invocations", status, seconds)
    text = generate_latest(registry).decode()
    assert 'housing_requests_total{route="/invocations",status="200"} 3.0' in text
    assert 'housing_requests_total{route="/invocations",status="503"} 1.0' in text
    assert 'housing_request_seconds_bucket{le="0.1",route="/invocations"} 2.0' in text
    assert 'housing_request_seconds_bucket{le="1.0",route="/invocations"} 3.0' in text
    assert 'housing_request_seconds_bucket{le="+Inf",route="/invocations"} 4.0' in text
    assert 'housing_request_seconds_count{route="/invocations"} 4.0' in text
    assert 'housing_request_seconds_sum{route="/invocations"} 7.65' in text
    assert "housing_requests_in_flight 2.0" in text
