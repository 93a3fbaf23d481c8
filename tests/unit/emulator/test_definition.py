"""Reading a definition, its order, its cache keys and its retry policies."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from emulator.context import Context
from emulator.definition.cache import cache_key, recall, remember, seconds_of
from emulator.definition.document import parameter_values, read_definition
from emulator.definition.graph import dependencies
from emulator.definition.retry import CAPACITY_ERROR, SERVICE_FAULT, THROTTLING, Retries, type_of_error, type_of_reason
from emulator.errors import ApiError
from emulator.images import read_images
from emulator.store import Store


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Store(tmp_path / "r.sqlite"), tmp_path, "eu-west-1", "123456789012", "http://127.0.0.1:1", read_images(None))


def _definition(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> Any:
    return read_definition(json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": steps}))


def _step(name: str, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": {}} | members


def test_a_step_waits_for_what_it_names_refers_to_and_stands_in():
    inner = _step("Inner", Arguments={"x": {"Get": "Steps.A.Y"}})
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": [{"LeftValue": {"Get": "Steps.B.Z"}}], "IfSteps": [inner]}}
    definition = _definition(_step("A"), _step("B", DependsOn=["A"]), gate)
    assert dependencies(definition) == {"A": set(), "B": {"A"}, "Gate": {"B"}, "Inner": {"A", "Gate"}}
    assert (definition.steps["Inner"].parent, definition.steps["Inner"].branch) == ("Gate", True)


def test_parameters_take_their_type_default_and_choices():
    parameters = [
        {"Name": "S", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
        {"Name": "I", "Type": "Integer", "DefaultValue": 1},
        {"Name": "F", "Type": "Float", "DefaultValue": 1.5},
        {"Name": "B", "Type": "Boolean", "DefaultValue": False},
    ]
    definition = _definition(parameters=parameters)
    assert parameter_values(definition, {}) == {"S": "a", "I": 1, "F": 1.5, "B": False}
    assert parameter_values(definition, {"S": "b", "I": "2", "F": "2", "B": "True"}) == {"S": "b", "I": 2, "F": 2.0, "B": True}
    for wrong, message in (
        ({"I": "x"}, "of type Integer: 'x' is not"),
        ({"S": "c"}, "must be one of"),
        ({"X": "c"}, "not in the pipeline"),
    ):
        with pytest.raises(ApiError, match=message):
            parameter_values(definition, wrong)


def test_the_cache_key_is_the_documented_attributes_and_nothing_else(context):
    base = {"AppSpecification": {"ImageUri": "i"}, "Environment": {"A": "1"}, "ProcessingInputs": [{"S3Uri": "s3://b/x"}]}
    key = cache_key("p", "Step", "Processing", base, context)
    for other in ({"ProcessingOutputConfig": {"x": 1}}, {"RoleArn": "r"}, {"ProcessingResources": {"InstanceType": "ml.m5.large"}}):
        assert cache_key("p", "Step", "Processing", base | other, context) == key
    for other in ({"AppSpecification": {"ImageUri": "j"}}, {"Environment": {}}, {"ProcessingInputs": []}):
        assert cache_key("p", "Step", "Processing", base | other, context) != key
    assert cache_key("p", "Other", "Processing", base, context) != key
    assert cache_key("q", "Step", "Processing", base, context) != key
    training = {"HyperParameters": {"a": "1"}, "CheckpointConfig": {"S3Uri": "s3://b/c"}}
    one = cache_key("p", "T", "Training", training, context)
    assert cache_key("p", "T", "Training", training | {"OutputDataConfig": {"x": 1}, "StoppingCondition": {"y": 1}}, context) == one
    assert cache_key("p", "T", "Training", training | {"CheckpointConfig": {"S3Uri": "s3://b/d"}}, context) != one


@pytest.mark.parametrize(
    ("duration", "days"),
    [("30d", 30), ("5y", 1825), ("T16m", 16 / 1440), ("30dT5h", 30 + 5 / 24), ("P30D", 30), ("PT1H", 1 / 24), ("P1M", 30), ("2w", 14)],
)
def test_durations_are_read_in_both_forms(duration, days):
    assert seconds_of(duration) == round(days * 86400)


@pytest.mark.parametrize("duration", ["", "P", "5", "T", "5h", "a day"])
def test_what_is_no_duration_is_refused(duration):
    with pytest.raises(ApiError, match="is not a duration"):
        seconds_of(duration)


def test_a_run_is_recalled_until_it_expires(context, monkeypatch):
    context.store.put("pipeline", "p", {"CreationTime": 0.0})
    remember(context, "k", "arn:pipeline/p/execution/1", {"a": 1})
    remember(context, "k", "arn:pipeline/p/execution/2", {"a": 2})
    found = recall(context, "k", "T1h")
    assert found is not None
    assert (found["Execution"], found["Properties"]) == ("arn:pipeline/p/execution/2", {"a": 2})
    monkeypatch.setattr("emulator.definition.cache.time.time", lambda: found["Time"] + 3601)
    assert recall(context, "k", "T1h") is None
    assert recall(context, "k", None) is not None


def test_a_pipeline_made_anew_knows_no_earlier_run(context):
    context.store.put("pipeline", "p", {"CreationTime": 0.0})
    remember(context, "k", "arn:pipeline/p/execution/1", {"a": 1})
    assert recall(context, "k", None) is not None
    context.store.delete("pipeline", "p")
    assert recall(context, "k", None) is None
    context.store.put("pipeline", "p", {"CreationTime": time.time() + 1})
    assert recall(context, "k", None) is None


def test_a_policy_waits_longer_each_time_and_gives_up():
    retries = Retries([{"ExceptionType": [THROTTLING], "IntervalSeconds": 10, "BackoffRate": 3.0, "MaxAttempts": 3}])
    assert [retries.wait_seconds(THROTTLING) for _ in range(4)] == [10, 30, 90, None]
    assert Retries([]).wait_seconds(THROTTLING) is None
    assert retries.wait_seconds(None) is None


def test_each_policy_counts_its_own_failures_and_a_time_limit_ends_them():
    policies = [
        {"ExceptionType": THROTTLING, "IntervalSeconds": 1, "MaxAttempts": 1},
        {"ExceptionType": [CAPACITY_ERROR], "IntervalSeconds": 50, "BackoffRate": 2.0, "ExpireAfterMin": 1},
    ]
    retries = Retries(policies)
    waits = [retries.wait_seconds(kind) for kind in (THROTTLING, CAPACITY_ERROR, THROTTLING, CAPACITY_ERROR)]
    assert waits == [1, 50, None, None]


def test_failures_are_known_by_code_and_by_reason():
    assert type_of_error("ThrottlingException", 400) == THROTTLING
    assert type_of_error("InternalFailure", 500) == SERVICE_FAULT
    assert type_of_error("ValidationException", 400) is None
    assert type_of_reason("CapacityError: Unable to provision requested ML compute capacity.") == CAPACITY_ERROR
    assert type_of_reason("AlgorithmError: CapacityError is a word here") is None
