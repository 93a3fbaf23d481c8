"""How many instances the auto scaler wants, and when: the decisions alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.endpoints.load import Load
from emulator.endpoints.metric_math import MathError, evaluated
from emulator.endpoints.scaling.scheduled import Agenda
from emulator.endpoints.scaling.speed import scaling_speed
from emulator.endpoints.scaling.steps import adjusted
from emulator.endpoints.scaling.tracking import Cooldown, Tracking, wanted
from emulator.endpoints.variant import most_processes
from emulator.errors import EmulatorError

TRACKING = Tracking(target=10, period_seconds=60)


@pytest.mark.parametrize(
    ("values", "count", "expected"),
    [
        ([30, 30, 30], 1, 3),  # three times the target: three times the instances
        ([30, 30, 31], 1, 4),  # rounded up
        ([30, 30], 1, 1),  # two minutes are not enough
        ([30, 9, 30], 1, 1),  # nor is one below in between
        ([30, None, 30], 1, 1),
        ([10, 10, 10], 2, 2),
        ([1] * 14, 4, 4),  # a quarter of an hour is needed to take instances away
        ([1] * 15, 4, 1),
        ([6] + [1] * 14, 4, 3),  # the busiest minute of it decides
        ([9.5] * 15, 4, 4),  # within a tenth of the target: all is well
        ([0] * 15, 3, 0),
    ],
)
def test_target_tracking_brings_the_metric_to_its_target(values, count, expected):
    assert wanted(TRACKING, values, count) == expected


def test_a_policy_may_leave_the_taking_away_to_others():
    assert wanted(Tracking(10, 60, scales_in=False), [0] * 15, 3) == 3


@given(
    values=st.lists(st.none() | st.floats(0, 1000), max_size=30),
    count=st.integers(0, 20),
    target=st.floats(0.5, 100),
    period=st.sampled_from([10.0, 60.0]),
)
def test_the_wanted_count_never_goes_against_the_latest_value(values, count, target, period):
    desired = wanted(Tracking(target, period), values, count)
    assert desired >= 0
    if desired != count:
        assert values[-1] is not None
        assert (desired > count) == (values[-1] > target)


def test_a_cooldown_holds_back_all_but_a_larger_addition():
    cooldown = Cooldown(out_seconds=300, in_seconds=600)
    assert cooldown.allows(1, 3, now=0)
    cooldown.changed(1, 3, now=0)
    assert not cooldown.allows(3, 2, now=100)
    assert not cooldown.allows(2, 3, now=100)
    assert cooldown.allows(3, 5, now=100)
    assert cooldown.allows(3, 2, now=300)
    cooldown.changed(3, 2, now=300)
    assert not cooldown.allows(2, 1, now=899)
    assert cooldown.allows(2, 3, now=301)
    assert cooldown.allows(2, 1, now=900)


STEPS = [
    {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 4},
    {"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1},
]


@pytest.mark.parametrize(("breach", "expected"), [(0, 3), (9.9, 3), (10, 6), (1000, 6), (-0.1, 1)])
def test_a_step_is_chosen_by_how_far_the_metric_is_beyond_the_threshold(breach, expected):
    assert adjusted({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS}, 2, breach) == expected


@pytest.mark.parametrize(
    ("kind", "adjustment", "count", "expected"),
    [
        ("ExactCapacity", 5, 2, 5),
        ("PercentChangeInCapacity", 50, 10, 15),
        ("PercentChangeInCapacity", -25, 10, 8),
        ("PercentChangeInCapacity", 10, 2, 3),
        ("ChangeInCapacity", -5, 2, 0),
    ],
)
def test_adjustments_are_changes_percentages_or_exact(kind, adjustment, count, expected):
    policy = {"AdjustmentType": kind, "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}]}
    assert adjusted(policy, count, 1) == expected


def test_a_scheduled_action_is_due_once():
    agenda, made = Agenda(), datetime(2026, 3, 2, 11, 59, 30, tzinfo=UTC)
    action = {"ResourceId": "r", "ScheduledActionName": "noon", "Schedule": "cron(0 12 * * ? *)", "CreationTime": made}
    assert [agenda.due(action, made + timedelta(seconds=seconds)) for seconds in (10, 29, 31, 40, 60)] == [False, False, True, False, False]
    assert agenda.due(action, made + timedelta(days=1, minutes=1))
    over = action | {"ScheduledActionName": "over", "EndTime": made + timedelta(seconds=5)}
    assert not Agenda().due(over, made + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("100 * errors / calls", 25.0),
        ("errors / nothing", None),
        ("errors / zero", None),
        ("FILL(nothing, 0) + 1", 1.0),
        ("IF(calls > 2, errors, -1)", 1.0),
        ("IF(calls < 2, errors, -1)", -1.0),
        ("(errors + calls) - 2.5", 2.5),
    ],
)
def test_metric_math_is_arithmetic_on_metrics(expression, expected):
    assert evaluated(expression, {"errors": 1.0, "calls": 4.0, "nothing": None, "zero": 0.0}) == expected


@pytest.mark.parametrize("expression", ["__import__('os')", "errors.real", "ANOMALY_DETECTION_BAND(errors)", "other", "1 +", "'text'"])
def test_what_metric_math_does_not_know_it_refuses(expression):
    with pytest.raises(MathError, match="metric math"):
        evaluated(expression, {"errors": 1.0})


def test_the_load_counts_calls_and_their_time():
    load = Load()
    first = load.read()
    load.begin()
    load.begin()
    load.end()
    load.end()
    last = load.read()
    assert last.invocations - first.invocations == 2
    assert 0 <= last.busy_seconds - first.busy_seconds <= 2 * (last.at - first.at)


@pytest.mark.parametrize("text", ["many", "0", "-1"])
@pytest.mark.parametrize(("name", "read"), [("EMULATOR_SCALING_SPEED", scaling_speed), ("EMULATOR_VARIANT_PROCESSES", most_processes)])
def test_a_wrong_setting_is_named(name, read, text, monkeypatch):
    monkeypatch.setenv(name, text)
    with pytest.raises(EmulatorError, match=name):
        read()
