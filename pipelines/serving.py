"""Where the model answers: one setting, and for each choice the reason, the price, and what the service would refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipelines.errors import DeploymentError

if TYPE_CHECKING:
    from pipelines.hosting_settings import Serving
    from pipelines.settings import Settings

REASONS: dict[Serving, str] = {
    "realtime": "answers while the caller waits, in tens of milliseconds; its instances are paid by the hour, used or not",
    "serverless": "few or bursty queries on the CPU; nothing is paid while idle, the first call after a pause waits for a cold start",
    "async": "long batches of up to an hour and 1 GB, queued; scales down to no instance",
    "batch": "all regions at once from S3 to S3; machines live as long as the job",
}


@dataclass(frozen=True)
class Tier:
    """One endpoint.

    Attributes
    ----------
    endpoint_name, serving : what it is called and how it answers.
    hardware : "gpu" or "cpu": which image of the package it runs.
    instance_type, instances, minimum, maximum : of an endpoint with instances; empty and 0 for a serverless one.
    """

    endpoint_name: str
    serving: Serving
    hardware: Literal["gpu", "cpu"]
    instance_type: str = ""
    instances: int = 0
    minimum: int = 0
    maximum: int = 0


def tiers(settings: Settings) -> tuple[Tier, ...]:
    """The endpoints that the settings ask for, the one that callers talk to first; none for `batch`.

    Errors: DeploymentError for bounds that contradict each other, PriceError for a machine that the price table lacks.
    """
    if settings.serving == "batch":
        return ()
    if settings.serving == "serverless":
        return (Tier(settings.endpoint_name, "serverless", "cpu"),)
    main = _instances(settings)
    return (main, Tier(settings.cpu_endpoint_name, "serverless", "cpu")) if settings.cpu_tier else (main,)


def _instances(settings: Settings) -> Tier:
    if settings.min_instances > settings.max_instances:
        raise DeploymentError(
            f"HOUSING_MIN_INSTANCES {settings.min_instances}: is above HOUSING_MAX_INSTANCES {settings.max_instances}; "
            "lower the one or raise the other"
        )
    return Tier(
        settings.endpoint_name,
        settings.serving,
        "gpu" if settings.hardware(settings.endpoint_instance_type).gpus else "cpu",
        settings.endpoint_instance_type,
        min(max(settings.endpoint_instance_count, settings.min_instances), settings.max_instances),
        0 if settings.serving == "async" else settings.min_instances,
        settings.max_instances,
    )


def refusals(tier: Tier, settings: Settings) -> list[str]:
    """What the service would refuse of the settings for this tier, each with its remedy; a default that does not apply is no fault."""
    if tier.serving == "serverless":
        asked = {
            "HOUSING_VPC_SUBNETS": bool(settings.vpc_subnets),
            "HOUSING_NETWORK_ISOLATION": settings.network_isolation and "network_isolation" in settings.model_fields_set,
            "HOUSING_DATA_CAPTURE_PERCENT": settings.data_capture_percent > 0 and settings.serving == "serverless",
        }
        remedy = "HOUSING_CPU_TIER=false" if settings.serving != "serverless" else "HOUSING_SERVING=realtime"
        return [f"{name}: a serverless endpoint can't have it; unset it, or choose {remedy}" for name, is_set in asked.items() if is_set]
    if bool(settings.vpc_subnets) != bool(settings.vpc_security_groups):
        return ["HOUSING_VPC_SUBNETS, HOUSING_VPC_SECURITY_GROUPS: one without the other; give both or none"]
    if tier.serving == "async" and settings.data_capture_percent:
        return ["HOUSING_DATA_CAPTURE_PERCENT: an asynchronous endpoint keeps its inputs and outputs in S3 anyway; set 0"]
    return []


def require_accepted(tier: Tier, settings: Settings) -> None:
    """DeploymentError with all that the service would refuse, before anything is made."""
    found = refusals(tier, settings)
    if found:
        raise DeploymentError(f"endpoint {tier.endpoint_name}: " + "; ".join(found))
