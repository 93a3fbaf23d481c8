"""Alarms that would go off for nothing or never: latency in the wrong unit, rollback alarms that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines import endpoint_state as state
from pipelines import rollout
from pipelines.aws import client
from pipelines.doctor.finding import Finding
from pipelines.serving import tiers
from pipelines.settings import Settings

LATENCIES = frozenset({"ModelLatency", "OverheadLatency", "ModelSetupTime"})
LEAST_MICROSECONDS = 100_000
"""A threshold below a tenth of a second was almost surely meant in milliseconds."""


def wrong_units(settings: Settings) -> Iterator[Finding]:
    """Alarms on SageMaker's latencies, which are in microseconds, with a threshold that only makes sense in milliseconds or seconds."""
    for page in client("cloudwatch", settings).get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"]):
        for alarm in page["MetricAlarms"]:
            if _is_latency(alarm) and 0 < alarm["Threshold"] < LEAST_MICROSECONDS:
                what = (
                    f"{alarm['MetricName']} is in microseconds, so its threshold {alarm['Threshold']:g} is {alarm['Threshold'] / 1000:g} ms"
                )
                yield Finding(
                    "alarm units", f"alarm {alarm['AlarmName']}", what, f"set {alarm['Threshold'] * 1000:,.0f} if milliseconds were meant"
                )


def missing(settings: Settings) -> Iterator[Finding]:
    """Endpoints with instances whose rollback alarms are not there, or differ from the settings."""
    sagemaker = client("sagemaker", settings)
    for tier in tiers(settings):
        if not tier.instance_type or state.describe(sagemaker, tier.endpoint_name) is None:
            continue
        answer = client("cloudwatch", settings).describe_alarms(AlarmNames=rollout.alarm_names(tier.endpoint_name))
        thresholds = {alarm["AlarmName"]: alarm["Threshold"] for alarm in answer["MetricAlarms"]}
        for wanted in rollout.alarms(tier.endpoint_name, settings):
            name, threshold = wanted["AlarmName"], thresholds.get(wanted["AlarmName"])
            if threshold is None:
                yield Finding(
                    "rollback alarms", f"alarm {name}", "does not exist: an update would not be turned back", "the next update makes it"
                )
            elif threshold != wanted["Threshold"]:
                what = f"its threshold is {threshold:g}, the settings say {wanted['Threshold']:g}"
                yield Finding("rollback alarms", f"alarm {name}", what, "the next update sets it")


def _is_latency(alarm: dict[str, Any]) -> bool:
    return alarm.get("Namespace") == "AWS/SageMaker" and alarm.get("MetricName") in LATENCIES
