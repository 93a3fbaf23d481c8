"""What is registered with Application Auto Scaling for the variants of endpoints: read from moto, where everybody puts it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.clients import Clients
from emulator.context import Context

_BACKEND = "moto.applicationautoscaling.models"
_NAMESPACE, _DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True)
class Target:
    """A variant whose instance count follows policies.

    Parameters
    ----------
    resource
        `endpoint/ENDPOINT/variant/VARIANT`.
    minimum, maximum
        The bounds of the count.
    suspended
        Which of `DynamicScalingInSuspended`, `DynamicScalingOutSuspended` and `ScheduledScalingSuspended` are so.
    """

    resource: str
    minimum: int
    maximum: int
    suspended: frozenset[str]

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.resource.split("/")[1]

    @property
    def variant(self) -> str:
        """The variant's name."""
        return self.resource.split("/")[3]


class Registry:
    """Reads and writes the scalable targets of one emulator. Not from the event loop."""

    def __init__(self, context: Context) -> None:
        self._clients = context.part(Clients)

    @property
    def _client(self) -> Any:
        return self._clients.get("application-autoscaling")

    def targets(self) -> list[Target]:
        """The variants that are registered."""
        if _BACKEND not in sys.modules:  # moto loads a service at its first call: nobody has made one, and loading it takes half a second
            return []
        answer = self._client.describe_scalable_targets(ServiceNamespace=_NAMESPACE, ScalableDimension=_DIMENSION)
        return [_target(item) for item in answer["ScalableTargets"] if item["ResourceId"].count("/") == 3]

    def policies(self) -> list[dict[str, Any]]:
        """Their policies."""
        pages = self._client.get_paginator("describe_scaling_policies").paginate(ServiceNamespace=_NAMESPACE)
        return [policy for page in pages for policy in page["ScalingPolicies"] if policy["ScalableDimension"] == _DIMENSION]

    def actions(self) -> list[dict[str, Any]]:
        """Their scheduled actions."""
        answer = self._client.describe_scheduled_actions(ServiceNamespace=_NAMESPACE)
        return [action for action in answer["ScheduledActions"] if action["ScalableDimension"] == _DIMENSION]

    def set_bounds(self, resource: str, bounds: Mapping[str, int]) -> None:
        """Give a target another MinCapacity, MaxCapacity or both."""
        self._client.register_scalable_target(
            ServiceNamespace=_NAMESPACE, ResourceId=resource, ScalableDimension=_DIMENSION, **dict(bounds)
        )

    def forget(self, endpoint: str) -> None:
        """Remove what is registered for the variants of an endpoint."""
        for target in (one for one in self.targets() if one.endpoint == endpoint):
            where = {"ServiceNamespace": _NAMESPACE, "ResourceId": target.resource, "ScalableDimension": _DIMENSION}
            for policy in (one for one in self.policies() if one["ResourceId"] == target.resource):
                self._client.delete_scaling_policy(PolicyName=policy["PolicyName"], **where)
            for action in (one for one in self.actions() if one["ResourceId"] == target.resource):
                self._client.delete_scheduled_action(ScheduledActionName=action["ScheduledActionName"], **where)
            self._client.deregister_scalable_target(**where)


def _target(item: Mapping[str, Any]) -> Target:
    suspended = frozenset(name for name, on in item.get("SuspendedState", {}).items() if on)
    return Target(item["ResourceId"], int(item["MinCapacity"]), int(item["MaxCapacity"]), suspended)
