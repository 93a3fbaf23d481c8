"""The three patterns: selectable, each number with its reason, below the environment and above the defaults."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines import profile
from pipelines.profile import ProfileName
from pipelines.settings import Settings


@pytest.mark.parametrize("name", profile.NAMES)
def test_every_choice_is_a_setting_of_the_right_type(name: ProfileName) -> None:
    chosen = profile.load(name)
    settings = Settings(profile=name)

    assert chosen.name == name
    for field, value in chosen.values().items():
        assert getattr(settings, field) == value


@pytest.mark.parametrize("name", profile.NAMES)
def test_every_number_has_a_reason(name: ProfileName) -> None:
    chosen = profile.load(name)
    reasons = [choice.why for choice in chosen.settings.values()]
    reasons += [getattr(chosen.usage, field).why for field in type(chosen.usage).model_fields]

    assert all(len(why.split()) >= 2 for why in reasons)


def test_the_patterns_are_those_of_the_plan() -> None:
    batch, realtime, hybrid = (Settings(profile=name) for name in profile.NAMES)

    assert (batch.serving, batch.use_spot, batch.training_instance_type) == ("serverless", True, "ml.g5.2xlarge")
    assert (realtime.endpoint_instance_type, realtime.min_instances, realtime.max_instances) == ("ml.g5.xlarge", 2, 10)
    assert (hybrid.endpoint_instance_type, hybrid.min_instances, hybrid.max_instances, hybrid.cpu_tier) == ("ml.g5.xlarge", 1, 10, True)


def test_hybrid_is_the_default_and_equal_to_the_defaults_of_the_code() -> None:
    assert Settings() == Settings(profile="hybrid")
    for field, value in profile.load("hybrid").values().items():
        assert Settings.model_fields[field].default == value


def test_the_environment_wins_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_PROFILE", "realtime")
    monkeypatch.setenv("HOUSING_MIN_INSTANCES", "3")

    assert (Settings().min_instances, Settings().endpoint_instance_count, Settings(min_instances=4).min_instances) == (3, 2, 4)


def test_an_unknown_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_PROFILE", "cheap")

    with pytest.raises(ValidationError, match="'batch', 'realtime' or 'hybrid'"):
        Settings()
