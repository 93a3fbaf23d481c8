"""The auto scaler: it looks at targets, policies, alarms and scheduled actions, and changes instance counts as the service would."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.context import Context
from emulator.endpoints.alarms import triggers
from emulator.endpoints.fleet import KIND
from emulator.endpoints.scaling.registry import Registry, Target
from emulator.endpoints.scaling.scheduled import Agenda
from emulator.endpoints.scaling.signal import Signals, UntrackableError, period_of
from emulator.endpoints.scaling.speed import scaling_speed
from emulator.endpoints.scaling.steps import adjusted
from emulator.endpoints.scaling.tracking import Cooldown, History, Tracking, wanted
from emulator.errors import ApiError
from emulator.operations import at_start
from emulator.protocol import call

_LOOK_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


@at_start
def begin(context: Context) -> None:
    """Let the auto scaler work."""
    context.part(Autoscaler)


class Autoscaler:
    """Scales the variants of one emulator; its clock runs `scaling_speed()` times as fast as the real one."""

    def __init__(self, context: Context) -> None:
        self._context, self._speed, self._closed = context, scaling_speed(), threading.Event()
        self._registry, self._signals, self._agenda = Registry(context), Signals(context), Agenda()
        self._histories: dict[str, History] = {}
        self._cooldowns: dict[str, Cooldown] = {}
        self._told: set[str] = set()
        threading.Thread(target=self._run, name="auto-scaler", daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS / self._speed):
            self._try(self._look)

    def _try(self, work: Callable[..., None], *arguments: Any) -> None:
        """One wrong policy or schedule must not end the scaling of all."""
        try:
            work(*arguments)
        except (ClientError, BotoCoreError, ApiError) as error:
            if not self._closed.is_set():
                self._tell_once(str(error))
        except Exception:  # noqa: BLE001 nor must a bug here
            _LOG.exception("auto scaler")

    def _look(self) -> None:
        if not self._context.store.list(KIND):
            return
        targets = {target.resource: target for target in self._registry.targets()}
        if not targets:
            return
        for action in self._registry.actions():
            self._try(self._keep_appointment, action, targets)
        policies = self._registry.policies()
        for target in targets.values():
            self._try(self._scale, target, [policy for policy in policies if policy["ResourceId"] == target.resource])

    def _keep_appointment(self, action: Mapping[str, Any], targets: dict[str, Target]) -> None:
        target = targets.get(action["ResourceId"])
        due = self._agenda.due(action, datetime.now(UTC))
        if due and target is not None and "ScheduledScalingSuspended" not in target.suspended:
            bounds = {name: int(value) for name, value in action["ScalableTargetAction"].items()}
            self._registry.set_bounds(target.resource, bounds)
            minimum, maximum = bounds.get("MinCapacity", target.minimum), bounds.get("MaxCapacity", target.maximum)
            targets[target.resource] = Target(target.resource, minimum, maximum, target.suspended)
            _LOG.info("auto scaler: %s: scheduled action %s: %s", target.resource, action["ScheduledActionName"], bounds)

    def _scale(self, target: Target, policies: list[dict[str, Any]]) -> None:
        """Give one variant the count that its bounds and policies call for, when it may be changed now."""
        record = self._context.store.get(KIND, target.endpoint)
        variants = record["ProductionVariants"] if record is not None else []
        count = next((variant["CurrentInstanceCount"] for variant in variants if variant["VariantName"] == target.variant), None)
        if record is None or count is None:
            return
        minimum = target.minimum if record.get("AsyncInferenceConfig") else max(1, target.minimum)
        allowed = [(desired, why) for desired, why in self._desires(target, policies, count) if self._permitted(target, count, desired)]
        more = [desire for desire in allowed if desire[0] > count]
        fewer = [desire for desire in allowed if desire[0] <= count]
        # of several policies the one that keeps most instances is followed
        desired, why = max(more or fewer, default=(count, "the bounds of the target"))
        desired = min(max(desired, minimum), max(target.maximum, minimum))
        if desired != count and record["EndpointStatus"] == "InService":
            self._set(target, count, desired, why)
            for policy in policies:
                self._cooldowns[policy["PolicyARN"]].changed(count, desired, self._now())

    def _permitted(self, target: Target, count: int, desired: int) -> bool:
        direction = "DynamicScalingOutSuspended" if desired > count else "DynamicScalingInSuspended"
        return desired == count or direction not in target.suspended

    def _desires(self, target: Target, policies: list[dict[str, Any]], count: int) -> list[tuple[int, str]]:
        """What each policy wants now, by its name; those that wait out a cooldown want what is."""
        found = []
        for policy in policies:
            desired = (
                self._tracked(policy, target, count) if policy["PolicyType"] == "TargetTrackingScaling" else self._stepped(policy, count)
            )
            cooldown = self._cooldowns.setdefault(policy["PolicyARN"], _cooldown(policy))
            if desired is not None:
                waits = desired != count and not cooldown.allows(count, desired, self._now())
                found.append((count if waits else desired, policy["PolicyName"]))
        return found

    def _tracked(self, policy: Mapping[str, Any], target: Target, count: int) -> int | None:
        try:
            tracking = _tracking(policy)
        except UntrackableError as error:
            self._tell_once(str(error))
            return None
        history = self._histories.setdefault(policy["PolicyARN"], History(self._now()))
        elapsed = self._now() - history.until
        periods = int(elapsed / tracking.period_seconds + 0.05)
        if periods:
            history.until = self._now()
            # where the scaler is faster than it can look, one look tells of several periods
            value = self._signals.value(policy, target, count, elapsed / self._speed)
            history.loads.extend([None if value is None else value * max(1, count)] * periods)
        # a value from before a change is that of the same load on other instances
        return wanted(tracking, [None if load is None else load / max(1, count) for load in history.loads], count)

    def _stepped(self, policy: Mapping[str, Any], count: int) -> int | None:
        settings = policy["StepScalingPolicyConfiguration"]
        breaches = [breach for breach in triggers(self._context, policy["PolicyARN"], self._speed) if breach is not None]
        desires = [adjusted(settings, count, breach) for breach in breaches]
        return max(desires) if desires else None

    def _set(self, target: Target, count: int, desired: int, why: str) -> None:
        change = {"VariantName": target.variant, "DesiredInstanceCount": desired}
        request = {"EndpointName": target.endpoint, "DesiredWeightsAndCapacities": [change]}
        call("sagemaker", "UpdateEndpointWeightsAndCapacities", request, self._context)
        _LOG.info("auto scaler: %s: %d -> %d instances: %s", target.resource, count, desired, why)

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            _LOG.warning("auto scaler: %s", text)

    def _now(self) -> float:
        return time.monotonic() * self._speed


def _tracking(policy: Mapping[str, Any]) -> Tracking:
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    return Tracking(float(settings["TargetValue"]), period_of(policy), not settings.get("DisableScaleIn", False))


def _cooldown(policy: Mapping[str, Any]) -> Cooldown:
    if policy["PolicyType"] == "TargetTrackingScaling":
        settings = policy["TargetTrackingScalingPolicyConfiguration"]
        return Cooldown(float(settings.get("ScaleOutCooldown", 300)), float(settings.get("ScaleInCooldown", 300)))
    seconds = float(policy["StepScalingPolicyConfiguration"].get("Cooldown", 300))
    return Cooldown(seconds, seconds)
