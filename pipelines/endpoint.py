"""Puts an approved model behind an endpoint, replaces it safely, and leaves it as it is when nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipelines import endpoint_state as state
from pipelines import rollout, scaling
from pipelines.aws import client, is_absent
from pipelines.endpoint_config import config_request, model_request
from pipelines.errors import DeploymentError
from pipelines.registry import ModelPackage
from pipelines.serving import Tier, require_accepted, tiers
from pipelines.settings import Settings
from pipelines.tags import tag_list

Waiting = Callable[[str], None]

CLOCK_SKEW = timedelta(seconds=5)
"""How far the service's clock may be behind this computer's."""


@dataclass(frozen=True)
class Deployment:
    """What was done: the endpoint, its configuration, and whether it was created, updated or left as it was."""

    endpoint_name: str
    config_name: str
    action: Literal["created", "updated", "unchanged"]
    package_version: int


def deploy(package: ModelPackage, settings: Settings, waiting: Waiting | None = None) -> list[Deployment]:
    """Serve `package` at every endpoint that the settings ask for and return when all are in service; none for `batch`.

    What the service would refuse is said before anything is made. `waiting` is told an endpoint's status at each look.
    Errors: DeploymentError as `deploy_tier`.
    """
    wanted = tiers(settings)
    for tier in wanted:
        require_accepted(tier, settings)
        model_request(package, tier, settings)
    return [deploy_tier(package, tier, settings, waiting) for tier in wanted]


def deploy_tier(package: ModelPackage, tier: Tier, settings: Settings, waiting: Waiting | None = None) -> Deployment:
    """Serve `package` at one endpoint.

    Names are made of what is served, so the same image, artifact and machines are the same configuration, and a package that
    holds what is already in service changes nothing.
    Errors: DeploymentError when the settings contradict the kind of endpoint, when the endpoint fails, or when it comes back with its
    old configuration (a rollback): then with the alarms that went off. What the failed attempt made is removed.
    """
    require_accepted(tier, settings)
    model = model_request(package, tier, settings)
    config = config_request(model["ModelName"], tier, settings)
    action = put(tier, [model], config, settings, waiting)
    return Deployment(tier.endpoint_name, config["EndpointConfigName"], action, package.version)


def put(  # noqa: PLR0917
    tier: Tier,
    models: list[dict[str, Any]],
    config: dict[str, Any],
    settings: Settings,
    waiting: Waiting | None = None,
    renewed: tuple[str, ...] = ("DataCaptureConfig",),
) -> Literal["created", "updated", "unchanged"]:
    """Bring the endpoint of the tier to a configuration: make what is missing, switch, wait, scale, tidy up.

    Of what the running variants have come to (instance counts, weights), all is kept but the properties in `renewed`.
    """
    sagemaker, name, config_name = client("sagemaker", settings), tier.endpoint_name, config["EndpointConfigName"]
    there = state.settled(sagemaker, name, waiting)
    if there and there["EndpointStatus"] == "InService" and there["EndpointConfigName"] == config_name:
        scaling.attach(tier, settings)
        return "unchanged"
    _require_same_kind(sagemaker, there, config, tier)
    for model in models:
        _create(sagemaker.describe_model, sagemaker.create_model, model, "ModelName")
    _create(sagemaker.describe_endpoint_config, sagemaker.create_endpoint_config, config, "EndpointConfigName")
    started = datetime.now(UTC) - CLOCK_SKEW
    action = _point(sagemaker, there, config, tier, settings, renewed)
    found = state.settled(sagemaker, name, waiting)
    try:
        state.require_in_service(found, config_name, name, rollout.fired(name, started, settings))
    except DeploymentError:
        if found:
            state.delete_orphans(sagemaker, name, keep=found["EndpointConfigName"])
        raise
    scaling.attach(tier, settings)
    state.delete_orphans(sagemaker, name, keep=config_name)
    return action


def delete(settings: Settings) -> bool:
    """Delete the endpoints of the settings' names, with their scaling, alarms, configurations and models. False when there was none."""
    found = [delete_one(name, settings) for name in (settings.endpoint_name, settings.cpu_endpoint_name)]
    return any(found)


def delete_one(name: str, settings: Settings) -> bool:
    """Delete one endpoint and all that was made for it. False when there was no endpoint."""
    sagemaker = client("sagemaker", settings)
    there = state.settled(sagemaker, name)
    scaling.detach(name, settings)
    if there:
        state.delete_endpoint(sagemaker, name)
    rollout.delete_alarms(name, settings)
    state.delete_orphans(sagemaker, name)
    return there is not None


def _require_same_kind(sagemaker: Any, there: dict[str, Any] | None, config: dict[str, Any], tier: Tier) -> None:
    """An endpoint that answers can't become a queue in place, nor one with instances a serverless one."""
    if there is None or there["EndpointStatus"] == "Failed":
        return
    running = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    if state.kind(running) != state.kind(config):
        raise DeploymentError(
            f"endpoint {tier.endpoint_name}: is {state.kind(running)} and can't become {state.kind(config)} in place; "
            "choose another HOUSING_ENDPOINT_NAME, or remove it first with `housing endpoint delete`"
        )


def _point(  # noqa: PLR0917
    sagemaker: Any, there: dict[str, Any] | None, config: dict[str, Any], tier: Tier, settings: Settings, renewed: tuple[str, ...]
) -> Literal["created", "updated"]:
    """Create the endpoint, or update it: with alarms that turn it back, and the capacity that autoscaling gave it."""
    name, config_name = tier.endpoint_name, config["EndpointConfigName"]
    if there and there["EndpointStatus"] == "Failed":  # a failed endpoint can only be deleted
        scaling.detach(name, settings)
        state.delete_endpoint(sagemaker, name)
        there = None
    guarded = tier.serving != "serverless"  # the service's deployment guardrails are for instances
    if guarded:
        rollout.put_alarms(name, settings)
    if there is None:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config_name, Tags=tag_list(settings))
        return "created"
    if not guarded:
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config_name)
        return "updated"
    if set(state.instance_types_by_variant(sagemaker, there["EndpointConfigName"]).values()) != {tier.instance_type}:
        scaling.detach(name, settings)  # a registered variant may not change its instance type
    sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=config_name,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": name} for name in renewed],
        DeploymentConfig=rollout.deployment_config(name, settings),
    )
    return "updated"


def _create(describe: Callable[..., Any], create: Callable[..., Any], request: dict[str, Any], key: str) -> None:
    """Create what is named by its content, unless it is there."""
    try:
        describe(**{key: request[key]})
    except ClientError as error:
        if not is_absent(error):
            raise
        create(**request)
