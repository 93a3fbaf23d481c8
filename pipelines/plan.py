"""What is about to be done and what it costs, before it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pipelines import prices, serving
from pipelines.cost.run import RunEstimate
from pipelines.endpoint_config import container
from pipelines.registry import ModelPackage
from pipelines.settings import Settings


@dataclass(frozen=True)
class Plan:
    """One action: its title, its steps, its price in words, and how to undo it."""

    title: str
    steps: tuple[str, ...]
    price: str
    undo: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def plan_run(estimate: RunEstimate, settings: Settings) -> Plan:
    """One execution of the pipeline."""
    machines = [line.what for line in estimate.lines if not line.what.endswith(" volume")]
    return Plan(
        f"run pipeline {settings.pipeline_name}",
        tuple(machines),
        f"about ${estimate.usd:.2f} when nothing comes from the cache; the jobs' own time limits end it at ${estimate.ceiling_usd:,.0f}",
        "`housing stop` ends it; what has run is paid",
    )


def plan_deploy(package: ModelPackage, settings: Settings) -> Plan:
    """A package at every endpoint of the settings; DeploymentError for what the service would refuse."""
    wanted = serving.tiers(settings)
    steps, costs = [], []
    for tier in wanted:
        serving.require_accepted(tier, settings)
        image = container(package, tier)["Image"].rpartition("/")[2]
        machines = f"{tier.minimum}-{tier.maximum} {tier.instance_type}" if tier.instance_type else "no machines of its own"
        steps.append(f"endpoint {tier.endpoint_name}: {tier.serving} on the {tier.hardware.upper()}, {machines}, image {image}")
        steps.append(f"  why: {serving.REASONS[tier.serving]}")
        if tier.serving == "serverless":
            steps.append("  a serverless endpoint has no network isolation, VPC or data capture")
        else:
            steps.append(f"  replaced as {settings.rollout}, watched for {settings.bake_seconds} s a step, turned back by alarms")
        costs.append(f"{tier.endpoint_name}: {price_of(tier, settings)}")
    if not wanted:
        steps.append(f"no endpoint. {serving.REASONS['batch']}; `housing batch` runs a job")
        costs.append("nothing until a job runs")
    return Plan(
        f"deploy version {package.version} of {settings.model_package_group}",
        tuple(steps),
        "; ".join(costs),
        "`housing endpoint delete` removes endpoint, scaling and alarms",
    )


def price_of(tier: serving.Tier, settings: Settings) -> str:
    """What an endpoint costs, in words."""
    table = prices.load(settings.prices_file)
    if tier.serving == "serverless":
        per_request = 0.1 * settings.serverless_memory_mb / 1024 * table.serverless.usd_per_gib_second
        return f"${per_request * 1e6:.2f} per million requests of 0.1 s at {settings.serverless_memory_mb} MB, nothing while idle"
    hourly = table.sagemaker_usd_per_hour(tier.instance_type)
    low, high = (count * hourly * table.hours_per_month for count in (tier.minimum, tier.maximum))
    return f"${hourly:.3f} an hour and instance: ${low:,.0f} a month at {tier.minimum}, ${high:,.0f} at {tier.maximum} {tier.instance_type}"
