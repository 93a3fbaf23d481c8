"""Endpoints that nobody asks, that do not follow their load, that start too slowly, or that cost more than they need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines import endpoint_state as state
from pipelines import prices, scaling
from pipelines.aws import client
from pipelines.doctor.finding import Finding
from pipelines.serving import Tier, tiers
from pipelines.settings import Settings

IDLE_AFTER = timedelta(hours=24)
LOW_UTILISATION_PERCENT = 10.0
HEALTH_WORDS = ("ping", "health check", "startup", "start up", "timed out", "did not answer")


def idle(settings: Settings, idle_after: timedelta = IDLE_AFTER) -> Iterator[Finding]:
    """Endpoints of the account with instances that have had no request for `idle_after`."""
    sagemaker, now = client("sagemaker", settings), datetime.now(UTC)
    table = prices.load(settings.prices_file)
    for item in _all_endpoints(sagemaker, StatusEquals="InService"):
        name = item["EndpointName"]
        running = sagemaker.describe_endpoint(EndpointName=name)
        types = state.instance_types_by_variant(sagemaker, running["EndpointConfigName"])
        if now - item["CreationTime"] < idle_after or not types or _requests(name, list(types), now - idle_after, settings):
            continue
        counts = {one["VariantName"]: int(one.get("CurrentInstanceCount") or 0) for one in running["ProductionVariants"]}
        known = [
            count * table.machine(types[one]).sagemaker_usd_per_hour
            for one, count in counts.items()
            if one in types and _priced(table, types[one])
        ]
        monthly = sum(known) * table.hours_per_month
        what = f"no request in {idle_after.total_seconds() / 3600:.0f} hours, ${monthly:,.0f} a month"
        ours = name in {settings.endpoint_name, settings.cpu_endpoint_name}
        fix = "`housing endpoint delete`, or HOUSING_PROFILE=batch" if ours else f"aws sagemaker delete-endpoint --endpoint-name {name}"
        yield Finding("idle endpoints", f"endpoint {name}", what, fix)


def unattached_scaling(settings: Settings) -> Iterator[Finding]:
    """Endpoints of ours that should follow their load and do not, and registrations whose endpoint is gone."""
    sagemaker = client("sagemaker", settings)
    for tier in _with_instances(settings):
        if state.describe(sagemaker, tier.endpoint_name) is None:
            continue
        what = _scaling_fault(tier, settings)
        if what:
            yield Finding("unattached scaling", f"endpoint {tier.endpoint_name}", what, "`housing deploy -y` registers it")
    names = {item["EndpointName"] for item in _all_endpoints(sagemaker)}
    answer = client("application-autoscaling", settings).describe_scalable_targets(ServiceNamespace="sagemaker")
    for target in answer["ScalableTargets"]:
        resource = target["ResourceId"]
        if resource.startswith("endpoint/") and resource.split("/")[1] not in names:
            fix = f"aws application-autoscaling deregister-scalable-target --service-namespace sagemaker --resource-id {resource} "
            fix += f"--scalable-dimension {scaling.DIMENSION}"
            yield Finding("unattached scaling", resource, "is registered, but its endpoint is gone", fix)


def slow_start(settings: Settings) -> Iterator[Finding]:
    """Endpoints whose containers did not answer their ping in time."""
    sagemaker = client("sagemaker", settings)
    for name in (settings.endpoint_name, settings.cpu_endpoint_name):
        there = state.describe(sagemaker, name)
        reason = (there or {}).get("FailureReason") or ""
        if any(word in reason.lower() for word in HEALTH_WORDS):
            fix = (
                f"raise HOUSING_STARTUP_TIMEOUT_SECONDS (now {settings.startup_timeout_seconds}), keep the artifact small, "
                f"and read /aws/sagemaker/Endpoints/{name}"
            )
            yield Finding("slow model load", f"endpoint {name}", f"its container did not become healthy ({reason[:160]})", fix)


def cost_levers(settings: Settings) -> Iterator[Finding]:
    """The four levers: Spot, off-hours, a smaller GPU, scaling by request."""
    if not settings.use_spot:
        yield Finding(
            "high cost", "training", "runs on demand", "HOUSING_USE_SPOT=true saves about 60%; training resumes at its checkpoint"
        )
    sagemaker = client("sagemaker", settings)
    for tier in _with_instances(settings):
        if state.describe(sagemaker, tier.endpoint_name) is None:
            continue
        subject = f"endpoint {tier.endpoint_name}"
        if tier.minimum > 1 and not settings.off_hours_start:
            fix = "set HOUSING_OFF_HOURS_START and HOUSING_OFF_HOURS_END, e.g. cron(0 20 ? * * *) and cron(0 6 ? * * *)"
            yield Finding("high cost", subject, f"{tier.minimum} instances stand at night too", fix)
        busy = _utilisation(tier.endpoint_name, settings)
        if busy is not None and busy < LOW_UTILISATION_PERCENT:
            fix = "a smaller HOUSING_ENDPOINT_INSTANCE_TYPE, or HOUSING_SERVING=serverless"
            yield Finding("high cost", subject, f"its GPU is {busy:.0f}% busy on average over a day", fix)


def _with_instances(settings: Settings) -> Iterator[Tier]:
    return (tier for tier in tiers(settings) if tier.instance_type)


def _scaling_fault(tier: Tier, settings: Settings) -> str:
    target = scaling.registered(tier.endpoint_name, settings)
    if target is None:
        return "is not registered with Application Auto Scaling: its instances stay as many whatever the load"
    only = {"ServiceNamespace": "sagemaker", "ResourceId": target["ResourceId"]}
    if not client("application-autoscaling", settings).describe_scaling_policies(**only)["ScalingPolicies"]:
        return "is registered but has no policy: nothing moves its instances"
    bounds, wanted = (target["MinCapacity"], target["MaxCapacity"]), (tier.minimum, tier.maximum)
    if bounds != wanted and not settings.off_hours_start:
        return f"scales between {bounds[0]} and {bounds[1]}, the settings say {wanted[0]} and {wanted[1]}"
    return ""


def _priced(table: prices.Prices, instance_type: str) -> bool:
    return instance_type.removeprefix("ml.") in table.machines


def _all_endpoints(sagemaker: Any, **only: str) -> Iterator[dict[str, Any]]:
    for page in sagemaker.get_paginator("list_endpoints").paginate(**only):
        yield from page["Endpoints"]


def _requests(name: str, variants: list[str], since: datetime, settings: Settings) -> float:
    return sum(_sum(name, variant, since, settings) for variant in variants)


def _sum(name: str, variant: str, since: datetime, settings: Settings) -> float:
    points = client("cloudwatch", settings).get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": variant}],
        StartTime=since,
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(float(point["Sum"]) for point in points)


def _utilisation(name: str, settings: Settings) -> float | None:
    """Mean GPU utilisation over a day in percent, None without a measurement."""
    points = client("cloudwatch", settings).get_metric_statistics(
        Namespace="/aws/sagemaker/Endpoints",
        MetricName="GPUUtilization",
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "main"}],
        StartTime=datetime.now(UTC) - timedelta(days=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=86400,
        Statistics=["Average"],
    )["Datapoints"]
    return float(points[0]["Average"]) if points else None
