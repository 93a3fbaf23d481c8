"""How an endpoint follows its load: Application Auto Scaling with a target worked out from what one instance was measured to carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines.aws import client, error_code
from pipelines.endpoint_config import VARIANT
from pipelines.errors import DeploymentError
from pipelines.serving import Tier
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.settings import Settings

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
CONCURRENCY = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
BACKLOG_PER_INSTANCE = 5.0
WAKE_ALARM = "backlog"


def target_invocations(requests_per_second: float, headroom: float) -> float:
    """Invocations per instance and minute at which another instance is due.

    requests_per_second : what one instance was measured to answer within the latency goal; headroom : share of it to use.
    """
    return requests_per_second * 60 * headroom


def target_concurrency(requests_per_second: float, latency_seconds: float, headroom: float) -> float:
    """Requests in flight on one instance at which another is due: Little's law, L = lambda W, at the measured rate and mean latency."""
    return max(1.0, requests_per_second * latency_seconds * headroom)


def target_value(settings: Settings) -> float:
    """The target of the metric that the settings choose, from the measured figures in them."""
    rate, headroom = settings.measured_requests_per_second, settings.scaling_headroom
    if settings.scaling_metric == "invocations":
        return round(target_invocations(rate, headroom), 2)
    return round(target_concurrency(rate, settings.measured_latency_milliseconds / 1000, headroom), 2)


def attach(tier: Tier, settings: Settings) -> None:
    """Register the tier's variant with its bounds, policy and scheduled actions; repeating it sets them right.

    Nothing for a serverless tier, which scales by itself.
    """
    if tier.serving == "serverless":
        return
    scaler = client("application-autoscaling", settings)
    scaler.register_scalable_target(**_where(tier.endpoint_name), MinCapacity=tier.minimum, MaxCapacity=tier.maximum)
    scaler.put_scaling_policy(**_where(tier.endpoint_name), **tracking_policy(tier, settings))
    if tier.minimum == 0:
        _attach_wake_up(scaler, tier, settings)
    _schedule(scaler, tier, settings)


def detach(endpoint_name: str, settings: Settings) -> bool:
    """Remove policies, scheduled actions and registration: an endpoint that is registered can't be deleted cleanly.

    False when it was not registered.
    """
    scaler, where = client("application-autoscaling", settings), _where(endpoint_name)
    only = {"ServiceNamespace": "sagemaker", "ResourceId": where["ResourceId"]}
    wake = _wake_alarms(endpoint_name, settings)
    if wake:
        client("cloudwatch", settings).delete_alarms(AlarmNames=wake)
    for policy in scaler.describe_scaling_policies(**only)["ScalingPolicies"]:
        _remove(scaler.delete_scaling_policy, **where, PolicyName=policy["PolicyName"])
    for action in scaler.describe_scheduled_actions(**only)["ScheduledActions"]:
        _remove(scaler.delete_scheduled_action, **where, ScheduledActionName=action["ScheduledActionName"])
    if not registered(endpoint_name, settings):
        return False
    _remove(scaler.deregister_scalable_target, **where)
    return True


def _remove(call: Callable[..., Any], **what: str) -> None:
    """Remove what another caller may be removing too."""
    try:
        call(**what)
    except ClientError as error:
        if error_code(error) != "ObjectNotFoundException":
            raise


def registered(endpoint_name: str, settings: Settings) -> dict[str, Any] | None:
    """The scalable target of the endpoint, None when there is none."""
    where = _where(endpoint_name)
    answer = client("application-autoscaling", settings).describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]]
    )
    return next(iter(answer["ScalableTargets"]), None)


def tracking_policy(tier: Tier, settings: Settings) -> dict[str, Any]:
    """PutScalingPolicy: for instances with callers the chosen metric, for a queue its length per instance."""
    cooldowns = {
        "ScaleOutCooldown": settings.scale_out_cooldown_seconds,
        "ScaleInCooldown": settings.scale_in_cooldown_seconds,
    }
    if tier.serving == "async":
        metric: dict[str, Any] = {
            "TargetValue": BACKLOG_PER_INSTANCE,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": tier.endpoint_name}],
                "Statistic": "Average",
            },
        }
    else:
        kind = INVOCATIONS if settings.scaling_metric == "invocations" else CONCURRENCY
        metric = {"TargetValue": target_value(settings), "PredefinedMetricSpecification": {"PredefinedMetricType": kind}}
    return {
        "PolicyName": f"{tier.endpoint_name}-load",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": metric | cooldowns,
    }


def _attach_wake_up(scaler: Any, tier: Tier, settings: Settings) -> None:
    """Target tracking can't start from no instance, as there is nothing to divide by: a step policy makes the first one when work waits."""
    step = {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}
    policy = scaler.put_scaling_policy(
        **_where(tier.endpoint_name),
        PolicyName=f"{tier.endpoint_name}-wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "Cooldown": 300, "StepAdjustments": [step]},
    )
    client("cloudwatch", settings).put_metric_alarm(
        AlarmName=f"{tier.endpoint_name}-{WAKE_ALARM}",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": tier.endpoint_name}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[policy["PolicyARN"]],
        Tags=tag_list(settings),
    )


def _wake_alarms(endpoint_name: str, settings: Settings) -> list[str]:
    found = client("cloudwatch", settings).describe_alarms(AlarmNames=[f"{endpoint_name}-{WAKE_ALARM}"])["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in found]


def _schedule(scaler: Any, tier: Tier, settings: Settings) -> None:
    """The bounds of the off-hours, and those of the day."""
    if bool(settings.off_hours_start) != bool(settings.off_hours_end):
        raise DeploymentError("HOUSING_OFF_HOURS_START, HOUSING_OFF_HOURS_END: one without the other; give both or none")
    where = _where(tier.endpoint_name)
    if not settings.off_hours_start:
        only = {"ServiceNamespace": "sagemaker", "ResourceId": where["ResourceId"]}
        for action in scaler.describe_scheduled_actions(**only)["ScheduledActions"]:
            scaler.delete_scheduled_action(**where, ScheduledActionName=action["ScheduledActionName"])
        return
    most = settings.off_hours_max_instances
    night = {"MinCapacity": min(tier.minimum, most), "MaxCapacity": most}
    day = {"MinCapacity": tier.minimum, "MaxCapacity": tier.maximum}
    for name, when, bounds in (("off-hours", settings.off_hours_start, night), ("day", settings.off_hours_end, day)):
        scaler.put_scheduled_action(
            **where, ScheduledActionName=f"{tier.endpoint_name}-{name}", Schedule=when, Timezone="UTC", ScalableTargetAction=bounds
        )


def _where(endpoint_name: str) -> dict[str, Any]:
    resource = f"endpoint/{endpoint_name}/variant/{VARIANT}"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": DIMENSION}
