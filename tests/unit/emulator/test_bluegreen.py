"""What a DeploymentConfig comes to."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import pytest

from emulator.endpoints.bluegreen import Policy
from emulator.endpoints.routes import Routes, Shift


def _blue_green(kind: str, **sizes: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 60, **sizes}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 30}}


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        (None, [1.0]),
        (_blue_green("ALL_AT_ONCE"), [1.0]),
        (_blue_green("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 10}), [0.1, 1.0]),
        (_blue_green("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}), [0.25, 1.0]),
        (_blue_green("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 30}), [0.3, 0.6, 0.9, 1.0]),
        (_blue_green("LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 2}), [0.5, 1.0]),
        (
            {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 5}},
            [0.25, 0.5, 0.75, 1.0],
        ),
    ],
)
def test_the_traffic_moves_in_the_steps_that_the_policy_says(config, shares):
    assert Policy.of(config, instances=4).shares == pytest.approx(shares)


def test_a_policy_has_its_times_and_alarms():
    config = _blue_green("ALL_AT_ONCE") | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    policy = Policy.of(config, 1)
    assert (policy.bake_seconds, policy.termination_seconds, policy.limit_seconds, policy.alarms) == (60, 30, math.inf, ("errors",))


@dataclass(frozen=True)
class Named:
    name: str


def test_a_shift_sends_green_its_share():
    blue, green = Routes(cast(Any, [(Named("b"), 1.0)])), Routes(cast(Any, [(Named("g"), 1.0)]))
    shift = Shift(blue, green, 0.1)
    counts = Counter(cast(Any, shift.side().next()).name for _ in range(100))
    assert counts == {"b": 90, "g": 10}
    assert {cast(Any, variant).name for variant in shift.running} == {"b", "g"}
