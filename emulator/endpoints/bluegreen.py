"""Moving the traffic of an endpoint from the old variants to the new: at once, a canary first, or in steps, watched by alarms."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.context import Context
from emulator.endpoints.alarms import alarming
from emulator.endpoints.fleet import KIND, Fleet
from emulator.endpoints.instance import VariantError
from emulator.endpoints.routes import Routes, Shift
from emulator.endpoints.variant import DRAIN_SECONDS
from emulator.errors import EmulatorError

_LOOK_SECONDS = 0.25
_LOG = logging.getLogger(__name__)


class RolledBackError(EmulatorError):
    """The new variants were taken back; the text is the endpoint's FailureReason."""


@dataclass(frozen=True)
class Policy:
    """How an update moves the traffic.

    Parameters
    ----------
    shares
        The new variants' share of the traffic, step by step; the last is 1.
    bake_seconds
        How long each step is watched.
    termination_seconds
        How long the old variants stay after the last step.
    limit_seconds
        When the whole takes longer it is rolled back.
    alarms
        Names of the alarms that roll back.
    rolling
        The new variants get their instances batch by batch, and the old ones give theirs up; else all of both run until the end.
    """

    shares: list[float] = field(default_factory=lambda: [1.0])
    bake_seconds: float = 0
    termination_seconds: float = 0
    limit_seconds: float = math.inf
    alarms: tuple[str, ...] = ()
    rolling: bool = False

    @property
    def first_batch(self) -> float:
        """The share of the new instances that is started before any traffic moves."""
        return self.shares[0] if self.rolling else 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any] | None, instances: int) -> Policy:
        """The policy in a DeploymentConfig, for an endpoint of so many instances."""
        config = config or {}
        alarms = tuple(alarm["AlarmName"] for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", []))
        if "RollingUpdatePolicy" in config:
            rolling = config["RollingUpdatePolicy"]
            shares = _steps(_share(rolling["MaximumBatchSize"], instances))
            limit = rolling.get("MaximumExecutionTimeoutInSeconds", math.inf)
            return cls(shares, rolling["WaitIntervalInSeconds"], 0, limit, alarms, rolling=True)
        if "BlueGreenUpdatePolicy" not in config:
            return cls(alarms=alarms)
        policy = config["BlueGreenUpdatePolicy"]
        routing = policy["TrafficRoutingConfiguration"]
        return cls(
            _shares(routing, instances),
            routing["WaitIntervalInSeconds"],
            policy.get("TerminationWaitInSeconds", 0),
            policy.get("MaximumExecutionTimeoutInSeconds", math.inf),
            alarms,
        )


def _shares(routing: Mapping[str, Any], instances: int) -> list[float]:
    if routing["Type"] == "CANARY":
        return [_share(routing["CanarySize"], instances), 1.0]
    return [1.0] if routing["Type"] == "ALL_AT_ONCE" else _steps(_share(routing["LinearStepSize"], instances))


def _share(size: Mapping[str, Any], instances: int) -> float:
    share: float = size["Value"] / 100 if size["Type"] == "CAPACITY_PERCENT" else size["Value"] / max(1, instances)
    return min(1.0, share)


def _steps(share: float) -> list[float]:
    return [min(1.0, share * number) for number in range(1, math.ceil(1 / share - 1e-9) + 1)]


def shift(context: Context, endpoint: str, blue: Routes, green: Routes, policy: Policy) -> None:
    """Move an endpoint from `blue` to `green`, whose first batch runs, and stop the processes of the losing side.

    Raises
    ------
    RolledBackError
        When an alarm went off, the time was up, or a batch did not come up: then the endpoint is on `blue` again.
    """
    fleet, limit = context.part(Fleet), time.monotonic() + policy.limit_seconds
    before = {variant: variant.count for variant in blue.running}
    try:
        for share in policy.shares:
            _roll(green, policy, share)
            fleet.set_routes(endpoint, Shift(blue, green, share))
            _bake(context, fleet, policy, limit)
            if policy.rolling and share < 1:
                for variant, count in before.items():
                    variant.scale(min(count, max(1, math.floor(count * (1 - share) + 1e-9))))
    except RolledBackError:
        context.store.update(KIND, endpoint, {"EndpointStatus": "RollingBack", "LastModifiedTime": time.time()})
        fleet.set_routes(endpoint, blue)
        try:
            for variant, count in before.items():
                variant.scale(count)
        except VariantError as error:  # the old fleet goes on with what is left of it
            _LOG.warning("endpoint %s: not all of the old instances came back: %s", endpoint, error)
        fleet.retire(green.running, DRAIN_SECONDS)
        raise
    fleet.set_routes(endpoint, green)
    fleet.closing.wait(policy.termination_seconds * context.wait_scale)
    fleet.retire(blue.running, DRAIN_SECONDS)


def _roll(green: Routes, policy: Policy, share: float) -> None:
    """Start the next batch of new instances, where there is one."""
    try:
        for variant in green.running:
            if policy.rolling:
                variant.scale(variant.wanted_at(share))
    except VariantError as error:
        raise RolledBackError(f"A batch of new instances did not come up: {error} The traffic is on the old fleet again.") from error


def _bake(context: Context, fleet: Fleet, policy: Policy, limit: float) -> None:
    until = time.monotonic() + policy.bake_seconds * context.wait_scale
    while True:
        names = alarming(context, policy.alarms)
        if names:
            raise RolledBackError(
                f"One or more alarms went off during the deployment: {', '.join(names)}. The traffic is on the old fleet again."
            )
        if time.monotonic() >= limit:
            raise RolledBackError(
                "The deployment took longer than MaximumExecutionTimeoutInSeconds. The traffic is on the old fleet again."
            )
        if time.monotonic() >= until or fleet.closing.wait(min(_LOOK_SECONDS, max(0.0, until - time.monotonic()))):
            return
