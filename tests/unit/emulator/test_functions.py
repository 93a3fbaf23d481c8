"""Functions, paths and conditions of a definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.definition.conditions import holds
from emulator.definition.functions import FunctionError, gets, resolve
from emulator.definition.paths import PathError, follow, split_path


class Scope:
    """Two finished steps and a few parameters."""

    def __init__(self) -> None:
        self.parameters = {"Word": "blue", "Count": 3, "Share": 0.5, "Flag": True}
        self.variables = {"PipelineExecutionId": "abc"}

    def properties(self, step: str) -> dict[str, Any]:
        outputs = [{"OutputName": name, "S3Output": {"S3Uri": f"s3://b/{name}"}} for name in ("train", "te.st")]
        return {"Prepare": {"ProcessingOutputConfig": {"Outputs": outputs}}, "Call": {"OutputParameters": {"a b": [1, {"x": 2}]}}}[step]

    def property_file(self, step: str, name: str) -> bytes:
        return json.dumps({"step": step, "name": name, "a": {"b": [{"c": 1.5}]}, "dotted.key": 7}).encode()

    def object(self, uri: str) -> bytes:
        return b'{"uri": "%s"}' % uri.encode()


def _json_get(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Prepare.PropertyFiles.report"}, "Path": path}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Get": "Parameters.Count"}, 3),
        ({"Get": "Execution.PipelineExecutionId"}, "abc"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}, "s3://b/train"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['te.st'].S3Output.S3Uri"}, "s3://b/te.st"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs[1].S3Output.S3Uri"}, "s3://b/te.st"),
        ({"Get": "Steps.Call.OutputParameters['a b'][1].x"}, 2),
        (_json_get("a.b[0].c"), 1.5),
        (_json_get("$.a['b'][0]"), {"c": 1.5}),
        (_json_get('["dotted.key"]'), 7),
        (_json_get("step"), "Prepare"),
        ({"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3:/", "b"]}}, "Path": "uri"}}, "s3://b"),
        (
            {
                "Std:Join": {
                    "On": "-",
                    "Values": ["a", {"Get": "Parameters.Count"}, {"Get": "Parameters.Share"}, {"Get": "Parameters.Flag"}],
                }
            },
            "a-3-0.5-true",
        ),
        ({"Std:Join": {"On": "", "Values": [{"Std:Join": {"On": "/", "Values": ["x", "y"]}}, _json_get("a.b[0].c")]}}, "x/y1.5"),
        ({"deep": [{"er": {"Get": "Parameters.Word"}}], "Get": "kept"}, {"deep": [{"er": "blue"}], "Get": "kept"}),
        ("plain", "plain"),
    ],
)
def test_functions_resolve_at_any_depth(value, expected):
    assert resolve(value, Scope()) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Get": "Parameters.Absent"}, "'Parameters.Absent' is not known"),
        ({"Get": "Steps.Absent.X"}, "'Steps.Absent.X' is not known"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['none']"}, r"there is no ProcessingOutputConfig.Outputs.none"),
        ({"Get": "Nothing.At.All"}, "begins with none of"),
        (_json_get("a.b[3]"), r"there is no a.b\[3\]"),
    ],
)
def test_what_is_not_there_is_named(value, message):
    with pytest.raises(FunctionError, match=message):
        resolve(value, Scope())


def test_references_are_found_wherever_they_stand():
    value = {"a": [{"Get": "Steps.A.x"}, {"Std:Join": {"On": "", "Values": [{"Get": "Steps.B.y"}]}}], "b": _json_get("p")}
    assert sorted(gets(value)) == ["Steps.A.x", "Steps.B.y", "Steps.Prepare.PropertyFiles.report"]


def test_a_malformed_path_is_refused():
    assert split_path("a['b.c'][0].d") == ["a", "b.c", 0, "d"]
    with pytest.raises(PathError, match="is not a path"):
        split_path("a[b]")
    with pytest.raises(PathError, match=r"there is no a\.b"):
        follow({"a": 1}, "a.b")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Type": "Equals", "LeftValue": {"Get": "Parameters.Word"}, "RightValue": "blue"}, True),
        ({"Type": "Equals", "LeftValue": 3, "RightValue": 3.0}, True),
        ({"Type": "GreaterThan", "LeftValue": {"Get": "Parameters.Count"}, "RightValue": 3}, False),
        ({"Type": "GreaterThanOrEqualTo", "LeftValue": {"Get": "Parameters.Count"}, "RightValue": 3}, True),
        ({"Type": "LessThan", "LeftValue": _json_get("a.b[0].c"), "RightValue": {"Get": "Parameters.Count"}}, True),
        ({"Type": "LessThanOrEqualTo", "LeftValue": 4, "RightValue": 3}, False),
        ({"Type": "In", "QueryValue": {"Get": "Parameters.Word"}, "Values": ["red", "blue"]}, True),
        ({"Type": "Not", "Condition": {"Type": "In", "QueryValue": 1, "Values": [2]}}, True),
        (
            {
                "Type": "Or",
                "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 2}, {"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
            },
            True,
        ),
    ],
)
def test_conditions_hold_or_not(condition, expected):
    assert holds(condition, Scope()) is expected


def test_values_of_different_kinds_cannot_be_ordered():
    with pytest.raises(FunctionError, match="'x' and 1 cannot be compared"):
        holds({"Type": "LessThan", "LeftValue": "x", "RightValue": 1}, Scope())
    with pytest.raises(FunctionError, match="no condition of type 'Between'"):
        holds({"Type": "Between"}, Scope())
