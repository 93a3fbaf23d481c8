"""Old values of endpoints are summed up by minute; what CloudWatch says of a minute stays the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, cloudwatch_backends

from emulator.endpoints.retention import compacted

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def _datum(seconds: float, total: float, name: str = "Invocations", endpoint: str = "one") -> Any:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}]
    return MetricAggregatedDatum("AWS/SageMaker", name, 1.0, total, total, total, dimensions, NOW - timedelta(seconds=seconds), "Count")


def test_a_minute_of_old_seconds_is_one_value_with_the_same_statistics():
    old = [_datum(7200 - number, number + 1) for number in range(10)]
    own = MetricDatum("AWS/SageMaker", "Invocations", 4.0, [], NOW - timedelta(days=1), "Count")  # somebody's own single value
    others = [_datum(7199, 5, endpoint="two"), _datum(7199, 5, name="Invocation5XXErrors"), _datum(10, 7), own]
    left = compacted([*old, *others], NOW - timedelta(hours=1), MetricAggregatedDatum)
    assert len(left) == 5
    assert all(item in left for item in others)
    (merged,) = [item for item in left if item not in others]
    assert (merged.sample_count, merged.sum, merged.min, merged.max) == (55, 55, 1.0, 10)


def test_moto_reads_what_was_merged():
    backend = cloudwatch_backends["123456789012"]["eu-west-1"]
    backend.metric_data = [_datum(7200 - number, 1) for number in range(10)]
    asked = (NOW - timedelta(hours=3), NOW, 60, ["Sum"], [{"Name": "EndpointName", "Value": "one"}])
    before = [point.sum for point in backend.get_metric_statistics("AWS/SageMaker", "Invocations", *asked)]
    backend.metric_data = compacted(backend.metric_data, NOW, MetricAggregatedDatum)
    assert len(backend.metric_data) == 1
    assert [point.sum for point in backend.get_metric_statistics("AWS/SageMaker", "Invocations", *asked)] == before == [10]
