"""Puts an approved model behind an endpoint, replaces it safely, and leaves it as it is when nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipelines import endpoint_state as state
from pipelines.aws import client
from pipelines.endpoint_config import config_request, model_request
from pipelines.endpoint_update import Order, begin, finish, remove
from pipelines.registry import ModelPackage
from pipelines.serving import Tier, require_accepted, tiers

if TYPE_CHECKING:
    from pipelines.settings import Settings

Waiting = Callable[[str], None]


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
    order = order_of(package, tier, settings)
    action = put(order, settings, waiting)
    return Deployment(tier.endpoint_name, order.config_name, action, package.version)


def order_of(package: ModelPackage, tier: Tier, settings: Settings) -> Order:
    """The order to serve `package` alone at one endpoint."""
    model = model_request(package, tier, settings)
    return Order(tier, [model], config_request(model["ModelName"], tier, settings))


def put(order: Order, settings: Settings, waiting: Waiting | None = None) -> Literal["created", "updated", "unchanged"]:
    """Bring an endpoint to a configuration: begin, wait, finish. A switch to it that is under way is joined."""
    sagemaker, name = client("sagemaker", settings), order.tier.endpoint_name
    begun = begin(order, settings)
    while begun.action == "busy":
        state.settled(sagemaker, name, waiting)
        begun = begin(order, settings)
    state.settled(sagemaker, name, waiting)
    finish(order, begun, settings)
    return begun.action


def delete(settings: Settings) -> bool:
    """Delete the endpoints of the settings' names, with their scaling, alarms, configurations and models. False when there was none."""
    found = [remove(name, settings) for name in (settings.endpoint_name, settings.cpu_endpoint_name)]
    return any(found)
