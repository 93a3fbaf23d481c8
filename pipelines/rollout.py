"""How one fleet replaces another: the deployment configuration, and the alarms that turn it back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.aws import client
from pipelines.endpoint_config import VARIANT
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.settings import Settings

MICROSECONDS_PER_MILLISECOND = 1000
PERIOD_SECONDS = 60


def alarm_names(endpoint_name: str) -> list[str]:
    """The names of the rollback alarms of an endpoint."""
    return [f"{endpoint_name}-{kind}" for kind in ("errors", "latency", "unanswered")]


def alarms(endpoint_name: str, settings: Settings) -> list[dict[str, Any]]:
    """PutMetricAlarm requests: share of 5xx, 99th percentile of the latency, share without a success that is not the caller's fault.

    Blue and green report under one variant name, so the alarms see both fleets: an error rate of 1% is reached when a tenth of the
    traffic fails one time in ten, and a percentile of 99 when a tenth of the traffic is slow.
    """
    common = {
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "Tags": tag_list(settings),
    }
    names = alarm_names(endpoint_name)
    errors = {**_metric(endpoint_name, "Invocation5XXErrors"), "Statistic": "Average", "Period": PERIOD_SECONDS}
    # ModelLatency is in microseconds
    slow = {**_metric(endpoint_name, "ModelLatency"), "ExtendedStatistic": "p99", "Period": PERIOD_SECONDS}
    return [
        {"AlarmName": names[0], **errors, "Threshold": settings.max_error_rate, **common},
        {"AlarmName": names[1], **slow, "Threshold": settings.max_latency_milliseconds * MICROSECONDS_PER_MILLISECOND, **common},
        {"AlarmName": names[2], "Metrics": _unanswered(endpoint_name), "Threshold": settings.max_unanswered_rate, **common},
    ]


def put_alarms(endpoint_name: str, settings: Settings) -> None:
    """Make the rollback alarms, or set them right."""
    cloudwatch = client("cloudwatch", settings)
    for request in alarms(endpoint_name, settings):
        cloudwatch.put_metric_alarm(**request)


def delete_alarms(endpoint_name: str, settings: Settings) -> None:
    """Remove them; nothing happens to those that are not there."""
    cloudwatch = client("cloudwatch", settings)
    there = cloudwatch.describe_alarms(AlarmNames=alarm_names(endpoint_name))["MetricAlarms"]
    if there:
        cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in there])


def fired(endpoint_name: str, since: datetime, settings: Settings) -> list[str]:
    """Rollback alarms that went off after `since`: name and the service's reason."""
    found = client("cloudwatch", settings).describe_alarms(AlarmNames=alarm_names(endpoint_name))["MetricAlarms"]
    return [
        f"{alarm['AlarmName']} ({alarm.get('StateReason', 'no reason given')})"
        for alarm in found
        if alarm["StateValue"] == "ALARM" and alarm["StateUpdatedTimestamp"] >= since
    ]


def deployment_config(endpoint_name: str, settings: Settings) -> dict[str, Any]:
    """The DeploymentConfig that every update sends: UpdateEndpoint does not take over an earlier one by itself."""
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarm_names(endpoint_name)]}}
    size = {"Type": "CAPACITY_PERCENT", "Value": settings.canary_percent}
    if settings.rollout == "rolling":
        rolling: dict[str, Any] = {"MaximumBatchSize": size, "RollbackMaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 100}}
        waits = {"WaitIntervalInSeconds": settings.bake_seconds, "MaximumExecutionTimeoutInSeconds": settings.rollout_timeout_seconds}
        return {"RollingUpdatePolicy": rolling | waits, **rollback}
    routing: dict[str, Any] = {"Type": settings.rollout.upper(), "WaitIntervalInSeconds": settings.bake_seconds}
    if settings.rollout != "all_at_once":
        routing["CanarySize" if settings.rollout == "canary" else "LinearStepSize"] = size
    policy = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": settings.termination_wait_seconds,
        "MaximumExecutionTimeoutInSeconds": settings.rollout_timeout_seconds,
    }
    return {"BlueGreenUpdatePolicy": policy, **rollback}


def _metric(endpoint_name: str, name: str) -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": endpoint_name}, {"Name": "VariantName", "Value": VARIANT}]
    return {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": dimensions}


def _unanswered(endpoint_name: str) -> list[dict[str, Any]]:
    """Metric math. The service has no metric of pings: a fleet that fails them at the start never takes traffic, and one that stops
    answering later shows as requests without any success that are not 4xx."""

    def summed(name: str, metric: str) -> dict[str, Any]:
        stat = {"Metric": _metric(endpoint_name, metric), "Period": PERIOD_SECONDS, "Stat": "Sum"}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    share = {"Id": "share", "Expression": "(failed - refused) / calls", "Label": "share of calls without an answer", "ReturnData": True}
    metrics = {"failed": "InvocationModelErrors", "refused": "Invocation4XXErrors", "calls": "Invocations"}
    return [*(summed(name, metric) for name, metric in metrics.items()), share]
