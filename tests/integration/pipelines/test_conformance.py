"""The flows that hold the emulator against a real account, run against the emulator; whatever happens, nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conformance import _no_account
from pipelines import conformance, execution
from pipelines.settings import Settings
from pipelines.source import upload_source
from pipelines.teardown import inventory


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(conformance, "REGION_ASKED", "Town A")
    return conformance.settings_of(Settings())


def test_the_flows_end_with_nothing_left(small: Settings, synthetic_source: Path) -> None:
    facts = conformance.run(small, synthetic_source, lambda _: None)

    assert facts["pipeline"]["status"] == "Succeeded"
    assert facts["registry"]["after"] == "Approved"
    assert (facts["endpoint"]["action"], facts["endpoint"]["again"]) == ("created", "unchanged")
    assert "no error" not in facts["errors"].values()
    assert facts["teardown"] == {"left": []}
    assert conformance.differences(facts, facts) == []


def test_a_flow_that_fails_is_noted_and_everything_is_taken_down(
    small: Settings, synthetic_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(settings: Settings, source: Path) -> conformance.Facts:
        upload_source(source, settings)
        execution.upsert('{"Version": "2020-12-01", "Parameters": [], "Steps": []}', settings)
        assert len(inventory(settings, everything=True).removed) == 2
        raise RuntimeError("the account went away")

    monkeypatch.setattr(conformance, "FLOWS", (conformance.Flow("broken", broken),))
    with pytest.raises(RuntimeError, match="went away"):
        conformance.run(small, synthetic_source, lambda _: None)
    assert inventory(small, everything=True).removed == ()


def test_differences_name_the_place_and_both_answers() -> None:
    ours, theirs = {"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1]}, "d": "x"}
    assert conformance.differences(ours, theirs) == ["a.b: emulator 1, AWS 2", 'd: emulator null, AWS "x"']


def test_an_emulator_is_no_account_to_hold_the_emulator_against() -> None:
    assert "AWS_ENDPOINT_URL is set" in _no_account(Settings())


def test_without_credentials_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    assert "there are no AWS credentials" in _no_account(Settings())
