"""From what one instance was measured to carry to the target of the policy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scaling import CONCURRENCY, INVOCATIONS, target_concurrency, target_invocations, target_value, tracking_policy
from pipelines.serving import tiers
from pipelines.settings import Settings


def test_the_targets_are_those_of_a_hand_calculation() -> None:
    assert target_invocations(20, 0.7) == pytest.approx(840), "20 a second are 1200 a minute, of which 70%"
    assert target_concurrency(100, 0.066, 0.5) == pytest.approx(3.3), "100 a second of 66 ms each are 6.6 in flight"


@given(st.floats(0.1, 1000), st.floats(0.05, 1), st.floats(1, 20_000))
def test_the_count_that_keeps_the_target_keeps_each_instance_below_its_measured_rate(rate: float, headroom: float, load: float) -> None:
    per_minute = load * 60
    instances = -(-per_minute // target_invocations(rate, headroom))  # what target tracking asks for

    assert load / instances <= rate * headroom * (1 + 1e-9)


@given(st.floats(1, 1000), st.floats(0.001, 10), st.floats(0.05, 1))
def test_both_metrics_ask_for_another_instance_at_the_same_load(rate: float, latency: float, headroom: float) -> None:
    in_flight = target_concurrency(rate, latency, headroom)

    assert in_flight >= 1
    if in_flight > 1:
        assert in_flight / latency * 60 == pytest.approx(target_invocations(rate, headroom))


def test_the_settings_choose_the_metric() -> None:
    for metric, kind, value in (("concurrency", CONCURRENCY, 1.0), ("invocations", INVOCATIONS, 840.0)):
        settings = Settings(scaling_metric=metric)
        policy = tracking_policy(tiers(settings)[0], settings)["TargetTrackingScalingPolicyConfiguration"]
        assert policy["PredefinedMetricSpecification"] == {"PredefinedMetricType": kind}
        assert policy["TargetValue"] == target_value(settings) == value


def test_a_queue_is_tracked_by_its_length_per_instance_and_may_go_to_nothing() -> None:
    settings = Settings(serving="async", cpu_tier=False)
    (tier,) = tiers(settings)
    policy = tracking_policy(tier, settings)["TargetTrackingScalingPolicyConfiguration"]

    assert (tier.minimum, policy["CustomizedMetricSpecification"]["MetricName"]) == (0, "ApproximateBacklogSizePerInstance")
