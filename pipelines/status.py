"""What there is, how it does, and what it costs: executions, model packages, endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pipelines import endpoint_state as state
from pipelines import prices, registry
from pipelines.aws import client, is_absent
from pipelines.settings import Settings

SHOWN = 5
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class EndpointStatus:
    """One endpoint: how it answers, on what, since when, and what it costs by the hour and, at its present size, has cost."""

    name: str
    status: str
    serving: str
    version: int
    instance_type: str
    instances: int
    created: datetime
    usd_per_hour: float
    usd_so_far: float


@dataclass(frozen=True)
class Status:
    """The newest executions (id, status, start), the newest packages (version, status), the endpoints, the function."""

    executions: tuple[tuple[str, str, datetime], ...]
    packages: tuple[tuple[int, str], ...]
    endpoints: tuple[EndpointStatus, ...]
    function: str

    @property
    def usd_per_hour(self) -> float:
        return sum(one.usd_per_hour for one in self.endpoints)


def status(settings: Settings) -> Status:
    """Ask the service for all of it; what does not exist is left out."""
    packages = tuple((package.version, package.status) for package in registry.packages(settings)[:SHOWN])
    names = (settings.endpoint_name, settings.cpu_endpoint_name)
    endpoints = tuple(found for name in names if (found := endpoint_status(name, settings)) is not None)
    return Status(_executions(settings), packages, endpoints, _function(settings))


def endpoint_status(name: str, settings: Settings) -> EndpointStatus | None:
    """One endpoint, None when it does not exist. Errors: PriceError when its machine has no price."""
    sagemaker = client("sagemaker", settings)
    there = state.describe(sagemaker, name)
    if there is None:
        return None
    config = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    table = prices.load(settings.prices_file)
    specs = {one["VariantName"]: one for one in [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]}
    running = [*there.get("ProductionVariants", []), *there.get("ShadowProductionVariants", [])]
    counts = {one["VariantName"]: int(one.get("CurrentInstanceCount") or 0) for one in running}
    types = {variant: spec.get("InstanceType", "") for variant, spec in specs.items()}
    hourly = sum(table.sagemaker_usd_per_hour(types[variant]) * count for variant, count in counts.items() if types.get(variant))
    hours = (datetime.now(UTC) - there["CreationTime"]).total_seconds() / SECONDS_PER_HOUR
    return EndpointStatus(
        name=name,
        status=there["EndpointStatus"],
        serving=state.kind(config),
        version=_version(sagemaker, config, settings),
        instance_type=config["ProductionVariants"][0].get("InstanceType", ""),
        instances=sum(counts.values()),
        created=there["CreationTime"],
        usd_per_hour=hourly,
        usd_so_far=hourly * hours,
    )


def _version(sagemaker: Any, config: dict[str, Any], settings: Settings) -> int:
    arn = state.package_of(sagemaker, config["ProductionVariants"][0]["ModelName"])
    return registry.describe(arn, settings).version


def _executions(settings: Settings) -> tuple[tuple[str, str, datetime], ...]:
    try:
        answer = client("sagemaker", settings).list_pipeline_executions(
            PipelineName=settings.pipeline_name, SortBy="CreationTime", SortOrder="Descending", MaxResults=SHOWN
        )
    except ClientError as error:
        if is_absent(error):
            return ()
        raise
    return tuple(
        (item["PipelineExecutionArn"].rpartition("/")[2], item["PipelineExecutionStatus"], item["StartTime"])
        for item in answer["PipelineExecutionSummaries"]
    )


def _function(settings: Settings) -> str:
    try:
        facts = client("lambda", settings).get_function_configuration(FunctionName=settings.function_name)
    except ClientError as error:
        if is_absent(error):
            return "absent"
        raise
    return str(facts.get("State", "Active"))
