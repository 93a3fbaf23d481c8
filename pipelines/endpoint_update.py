"""The safe update of one endpoint in two halves: begin it, and when the endpoint has settled finish it.

The command waits between the two. A function can't wait as long as a canary bakes: it begins, and the endpoint's state change wakes
it again to finish. Names are made of content, so whoever comes second joins what the first has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from pipelines import endpoint_state as state
from pipelines import rollout, scaling
from pipelines.aws import client, is_absent
from pipelines.errors import DeploymentError
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.serving import Tier
    from pipelines.settings import Settings

CLOCK_SKEW = timedelta(seconds=5)
"""How far the service's clock may be behind this computer's."""

ATTEMPTS = 3

Action = Literal["created", "updated", "unchanged", "busy"]


@dataclass(frozen=True)
class Order:
    """What an endpoint is to serve.

    Attributes
    ----------
    tier, models, config : the endpoint, and the requests of its models and of its configuration, named by their content.
    renewed : of what the running variants have come to (instance counts, weights), all is kept but these properties.
    """

    tier: Tier
    models: list[dict[str, Any]]
    config: dict[str, Any]
    renewed: tuple[str, ...] = ("DataCaptureConfig",)

    @property
    def config_name(self) -> str:
        return str(self.config["EndpointConfigName"])


@dataclass(frozen=True)
class Begun:
    """What `begin` did, or found under way, and since when.

    `unchanged`: the configuration is in service. `busy`: the endpoint is on its way to another; try again when it has settled.
    """

    action: Action
    started: datetime


def begin(order: Order, settings: Settings) -> Begun:
    """Make what is missing and switch the endpoint to the configuration, without waiting; join the switch when it is under way.

    Errors: DeploymentError when the running endpoint is of another kind.
    """
    sagemaker, name = client("sagemaker", settings), order.tier.endpoint_name
    there = state.describe(sagemaker, name)
    if there is not None and there["EndpointStatus"] not in state.SETTLED:
        return _under_way(there, order)
    started = datetime.now(UTC) - CLOCK_SKEW
    if there and there["EndpointStatus"] == "InService" and there["EndpointConfigName"] == order.config_name:
        return Begun("unchanged", started)
    _require_same_kind(sagemaker, there, order)
    for _ in range(ATTEMPTS):
        _make(sagemaker, order)
        try:
            return Begun(_point(sagemaker, there, order, settings), started)
        except ClientError as error:
            if _overtaken(error):  # somebody was faster
                there = state.describe(sagemaker, name)
                return _under_way(there, order) if there else Begun("busy", started)
            if not is_absent(error):  # absent: somebody who finished has removed the configuration as not in use
                raise
    raise DeploymentError(f"endpoint {name}: others change it all the time; run `housing deploy` again")


def finish(order: Order, begun: Begun, settings: Settings) -> None:
    """See what the settled endpoint has come to: attach its scaling and remove what it no longer uses.

    Errors: DeploymentError when it failed or came back with its old configuration, with the alarms that went off. What the attempt made
    is removed then, the endpoint too when the attempt created it, and the old fleet scales again.
    """
    sagemaker, name = client("sagemaker", settings), order.tier.endpoint_name
    found = state.describe(sagemaker, name)
    try:
        state.require_in_service(found, order.config_name, name, rollout.fired(name, begun.started, settings))
    except DeploymentError:
        _clean(sagemaker, found, order, begun, settings)
        raise
    scaling.attach(order.tier, settings)
    state.delete_orphans(sagemaker, name, keep=order.config_name)


def remove(name: str, settings: Settings) -> bool:
    """Delete one endpoint and all that was made for it. False when there was no endpoint."""
    sagemaker = client("sagemaker", settings)
    there = state.settled(sagemaker, name)
    scaling.detach(name, settings)
    if there:
        state.delete_endpoint(sagemaker, name)
    rollout.delete_alarms(name, settings)
    state.delete_orphans(sagemaker, name)
    return there is not None


def _clean(sagemaker: Any, found: dict[str, Any] | None, order: Order, begun: Begun, settings: Settings) -> None:
    name = order.tier.endpoint_name
    if found is None or (found["EndpointStatus"] == "Failed" and begun.action == "created"):
        remove(name, settings)
        return
    state.delete_orphans(sagemaker, name, keep=found["EndpointConfigName"])
    if found["EndpointStatus"] == "InService":
        scaling.attach(order.tier, settings)  # taken off where the machine type was to change


def _under_way(there: dict[str, Any], order: Order) -> Begun:
    """The change that the endpoint is in, if it is the ordered one."""
    pending = there.get("PendingDeploymentSummary") or {}
    target = pending.get("EndpointConfigName") or there["EndpointConfigName"]
    started = pending.get("StartTime") or there["CreationTime"]
    if target != order.config_name:
        return Begun("busy", started)
    if there["EndpointStatus"] == "InService":
        return Begun("unchanged", started)
    return Begun("created" if there["EndpointStatus"] == "Creating" else "updated", started)


def _overtaken(error: ClientError) -> bool:
    """Did another caller create or switch the endpoint between our look and our call?"""
    message = str(error.response.get("Error", {}).get("Message", ""))
    return "in-progress" in message or "already existing" in message


def _require_same_kind(sagemaker: Any, there: dict[str, Any] | None, order: Order) -> None:
    """An endpoint that answers can't become a queue in place, nor one with instances a serverless one."""
    if there is None or there["EndpointStatus"] == "Failed":
        return
    running = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    if state.kind(running) != state.kind(order.config):
        raise DeploymentError(
            f"endpoint {order.tier.endpoint_name}: is {state.kind(running)} and can't become {state.kind(order.config)} in place; "
            "choose another HOUSING_ENDPOINT_NAME, or remove it first with `housing endpoint delete`"
        )


def _point(sagemaker: Any, there: dict[str, Any] | None, order: Order, settings: Settings) -> Literal["created", "updated"]:
    """Create the endpoint, or update it: with alarms that turn it back, and the capacity that autoscaling gave it."""
    tier, name, config_name = order.tier, order.tier.endpoint_name, order.config_name
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
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": name} for name in order.renewed],
        DeploymentConfig=rollout.deployment_config(name, settings),
    )
    return "updated"


def _make(sagemaker: Any, order: Order) -> None:
    for model in order.models:
        _create(sagemaker.describe_model, sagemaker.create_model, model, "ModelName")
    _create(sagemaker.describe_endpoint_config, sagemaker.create_endpoint_config, order.config, "EndpointConfigName")


def _create(describe: Callable[..., Any], create: Callable[..., Any], request: dict[str, Any], key: str) -> None:
    """Create what is named by its content, unless it is there."""
    try:
        describe(**{key: request[key]})
        return
    except ClientError as error:
        if not is_absent(error):
            raise
    try:
        create(**request)
    except ClientError as error:
        if not _overtaken(error):
            raise
