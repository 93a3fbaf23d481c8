"""What a shadow did beside the model in service: latency and errors from CloudWatch, disagreement from the captured answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

from pipelines.aws import client, split_uri
from pipelines.candidates import SHADOW
from pipelines.endpoint_config import VARIANT
from pipelines.errors import DeploymentError
from pipelines.settings import Settings

MEDIAN = "0.5"
WINDOW = timedelta(days=14)
MICROSECONDS_PER_MILLISECOND = 1000


@dataclass(frozen=True)
class Side:
    """One of the two: requests, share answered with 5xx, mean and worst latency in milliseconds."""

    requests: int
    error_rate: float
    mean_latency_milliseconds: float
    worst_latency_milliseconds: float


@dataclass(frozen=True)
class Comparison:
    """Model in service against shadow.

    Attributes
    ----------
    compared : requests that both answered and that were captured.
    median_difference : mean absolute difference of the median price paths, as a share of the price.
    worst_median_difference : the largest.
    drawdown_difference : mean absolute difference of the drawdown probabilities.
    """

    main: Side
    shadow: Side
    compared: int
    median_difference: float
    worst_median_difference: float
    drawdown_difference: float

    def objections(self, settings: Settings) -> list[str]:
        """Why the shadow should not be promoted, by the limits of the rollback alarms."""
        found = []
        if not self.shadow.requests:
            return ["the shadow has seen no request yet"]
        if self.shadow.error_rate > settings.max_error_rate:
            found.append(f"{self.shadow.error_rate:.1%} of its answers are errors, the limit is {settings.max_error_rate:.1%}")
        if self.shadow.worst_latency_milliseconds > settings.max_latency_milliseconds:
            slowest = f"{self.shadow.worst_latency_milliseconds:,.0f} ms"
            found.append(f"its slowest answer took {slowest}, the limit is {settings.max_latency_milliseconds} ms")
        return found


def compare(settings: Settings) -> Comparison:
    """Hold shadow and model in service against each other since the shadow came up.

    Errors: DeploymentError when there is no shadow.
    """
    sagemaker, name = client("sagemaker", settings), settings.endpoint_name
    there = sagemaker.describe_endpoint(EndpointName=name)
    if not there.get("ShadowProductionVariants"):
        raise DeploymentError(f"endpoint {name}: has no shadow; start one with `housing endpoint shadow`")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    since: datetime = max(config["CreationTime"], datetime.now(UTC) - WINDOW)
    pairs = list(_pairs(config["DataCaptureConfig"]["DestinationS3Uri"], since, settings))
    medians = [_median_differences(*pair) for pair in pairs]
    differences = [value for values in medians for value in values]
    drawdowns = [value for pair in pairs for value in _drawdown_differences(*pair)]
    return Comparison(
        main=_side(name, VARIANT, since, settings),
        shadow=_side(name, SHADOW, since, settings),
        compared=len(pairs),
        median_difference=fmean(differences) if differences else 0.0,
        worst_median_difference=max(differences, default=0.0),
        drawdown_difference=fmean(drawdowns) if drawdowns else 0.0,
    )


def _side(endpoint_name: str, variant: str, since: datetime, settings: Settings) -> Side:
    cloudwatch, now = client("cloudwatch", settings), datetime.now(UTC)
    span = {"StartTime": since - timedelta(minutes=1), "EndTime": now + timedelta(minutes=1), "Period": _period(now - since)}
    dimensions = [{"Name": "EndpointName", "Value": endpoint_name}, {"Name": "VariantName", "Value": variant}]

    def points(metric: str, *statistics: str) -> list[dict[str, Any]]:
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=metric, Dimensions=dimensions, Statistics=list(statistics), **span
        )
        return list(answer["Datapoints"])

    latencies = points("ModelLatency", "Sum", "SampleCount", "Maximum")
    requests = sum(point["SampleCount"] for point in latencies)
    total = sum(point["Sum"] for point in latencies) / MICROSECONDS_PER_MILLISECOND  # ModelLatency is in microseconds
    worst = max((point["Maximum"] for point in latencies), default=0.0) / MICROSECONDS_PER_MILLISECOND
    errors = sum(point["Sum"] for point in points("Invocation5XXErrors", "Sum"))
    return Side(int(requests), errors / requests if requests else 0.0, total / requests if requests else 0.0, worst)


def _period(span: timedelta) -> int:
    """Seconds per point, in whole minutes, so that a span has at most 1,440 points, the most that one call returns."""
    return 60 * max(1, math.ceil(span.total_seconds() / 60 / 1400))


def _pairs(destination: str, since: datetime, settings: Settings) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The answers of both to the same request, once per request."""
    answers = {name: dict(_captured(destination, name, since, settings)) for name in (VARIANT, SHADOW)}
    for request, answer in answers[VARIANT].items():
        if request in answers[SHADOW]:
            yield answer, answers[SHADOW][request]


def _captured(destination: str, variant: str, since: datetime, settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Request body -> decoded answer, of the captured JSON exchanges of a variant."""
    s3 = client("s3", settings)
    bucket, prefix = split_uri(f"{destination.rstrip('/')}/{settings.endpoint_name}/{variant}/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if item["LastModified"] < since:
                continue
            for line in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].iter_lines():
                data = json.loads(line)["captureData"]
                sides = [data.get(side, {}) for side in ("endpointInput", "endpointOutput")]
                if all(side.get("encoding") == "JSON" for side in sides):
                    yield sides[0]["data"], json.loads(sides[1]["data"])


def _median_differences(main: dict[str, Any], shadow: dict[str, Any]) -> list[float]:
    """|log(shadow / main)| of the median, for each region and period that both answered: for small ones the share of the price."""
    return [
        abs(math.log(theirs / ours))
        for one, other in _matched(main, shadow)
        for ours, theirs in zip(one.get(MEDIAN, []), other.get(MEDIAN, []), strict=False)
        if ours > 0 and theirs > 0
    ]


def _drawdown_differences(main: dict[str, Any], shadow: dict[str, Any]) -> list[float]:
    name = "drawdown_probability"
    return [
        abs(one[name] - other[name]) for one, other in _matched(main, shadow) if one.get(name) is not None and other.get(name) is not None
    ]


def _matched(main: dict[str, Any], shadow: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    theirs = {prediction["item_id"]: prediction for prediction in shadow.get("predictions", [])}
    return [(one, theirs[one["item_id"]]) for one in main.get("predictions", []) if one["item_id"] in theirs]
