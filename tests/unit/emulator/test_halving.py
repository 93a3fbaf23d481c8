"""Which trials go on: the rungs of Hyperband and the median rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.jobs.halving import Always, Hyperband, MedianRule, ResourceError, verdict_of


def test_the_best_third_of_a_rung_goes_on():
    band = Hyperband(minimum=1, maximum=3, sign=1)  # one rung, at 1
    kept = [band.goes_on(number, [value]) for number, value in enumerate((0.5, 0.4, 0.6, 0.3, 0.55), 1)]
    assert kept == [True, False, True, False, True]
    assert band.goes_on(3, [0.6, 0.1])  # it was judged at this rung, and is not again
    assert band.goes_on(3, [0.6, 0.1, 0.7])
    assert not band.goes_on(3, [0.6, 0.1, 0.7, 0.7])


def test_smaller_is_better_where_the_objective_is_minimized():
    band = Hyperband(minimum=1, maximum=3, sign=-1)
    assert [band.goes_on(number, [value]) for number, value in enumerate((0.5, 0.6, 0.4), 1)] == [True, False, True]


def test_each_bracket_begins_to_judge_later():
    band = Hyperband(minimum=1, maximum=27, sign=1)  # rungs 1, 3, 9
    for number in (1, 4, 7):
        assert band.goes_on(number, [1.0 + number])
    assert not band.goes_on(10, [0.0])  # of the first bracket
    assert band.goes_on(11, [0.0])  # of the second: judged at 3
    assert band.goes_on(11, [0.0, 0.0, 0.0])  # the first to get there
    assert not band.goes_on(14, [0.0, 0.0, -1.0])


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40))
def test_the_best_so_far_always_goes_on(values):
    band = Hyperband(minimum=1, maximum=100, sign=1)
    best = float("-inf")
    for number, value in enumerate(values):
        goes_on = band.goes_on(1 + 5 * number, [value])  # all of one bracket: there are five rungs
        if value > best:
            best = value
            assert goes_on


def test_the_median_rule_ends_what_is_worse_than_most():
    rule = MedianRule(sign=1)
    for number, values in enumerate(([0.5, 0.6], [0.7, 0.8], [0.6, 0.7]), 1):
        assert rule.goes_on(number, values)
    assert not rule.goes_on(4, [0.5, 0.5])
    assert rule.goes_on(5, [0.5, 0.9])


def test_the_rule_follows_from_the_configuration():
    assert isinstance(verdict_of({"Strategy": "Random"}, {}, maximize=True), Always)
    assert isinstance(verdict_of({"Strategy": "Random", "TrainingJobEarlyStoppingType": "Auto"}, {}, maximize=True), MedianRule)
    inferred = verdict_of({"Strategy": "Hyperband"}, {"epochs": "12"}, maximize=False)
    assert isinstance(inferred, Hyperband)
    assert (inferred.minimum, inferred.maximum, inferred.sign) == (1, 12, -1)
    with pytest.raises(ResourceError, match="MaxResource"):
        verdict_of({"Strategy": "Hyperband"}, {"epochs": "many"}, maximize=True)
