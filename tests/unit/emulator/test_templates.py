"""Templates: what is read, what functions come to, what is refused before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.cloudformation import parameters
from emulator.cloudformation.intrinsics import Scope, TemplateError, Unknown, references
from emulator.cloudformation.template import MAX_BODY_BYTES, Source, TransformError, expand, parse, read
from emulator.errors import ApiError

RESOURCES = {"Queue": {"Type": "AWS::SQS::Queue"}}


def scope(**fields: Any) -> Scope:
    known = {"AWS::Region": "eu-west-1", "Name": "housing", "Count": "3", "Zones": ["a", "b"]}
    resources = {"Queue": ("https://queue", {"Arn": "arn:queue"}), "New": (Unknown("New"), {"Arn": Unknown("New")})}
    return Scope(
        parameters=known,
        mappings={"Sizes": {"eu-west-1": {"small": 1}}},
        conditions={"Yes": {"Fn::Equals": [{"Ref": "Count"}, 3]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}},
        reference=lambda name: resources.get(name, (None, {}))[0],
        attribute=lambda name, attribute: resources.get(name, (None, {}))[1].get(attribute),
        export={"shared": "value"}.get,
        **fields,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "housing"),
        ({"Ref": "Queue"}, "https://queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${Queue.Arn}-${!Kept}"}, "housing-eu-west-1-arn:queue-${Kept}"),
        ({"Fn::Sub": ["${x}/${Name}", {"x": {"Ref": "Count"}}]}, "3/housing"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 1, True]]}, "a-housing-1-true"),
        ({"Fn::Join": ["", {"Ref": "Zones"}]}, "ab"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::If": ["Yes", "y", "n"]}, "y"),
        ({"Fn::If": ["No", "y", {"Ref": "Name"}]}, "housing"),
        ({"a": {"Fn::If": ["No", "y", {"Ref": "AWS::NoValue"}]}, "b": 1}, {"b": 1}),
        ([1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"Fn::And": [{"Condition": "Yes"}, {"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]}]}, True),
        ({"Fn::Contains": [["a", "b"], "b"]}, True),
        ({"Fn::Contains": [["a", "b"], "c"]}, False),
        ({"Fn::Contains": [{"Ref": "Zones"}, "b"]}, True),
        ({"Fn::Contains": [["x"], {"Ref": "Name"}]}, False),
        ({"Fn::EachMemberIn": [["a"], {"Ref": "Zones"}]}, True),
        ({"Fn::EachMemberEquals": [["a", "b"], "a"]}, False),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, 1),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::ImportValue": "shared"}, "value"),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Statement": [{"Condition": {"Bool": {"x": "true"}}}]}, {"Statement": [{"Condition": {"Bool": {"x": "true"}}}]}),
    ],
)
def test_a_function_comes_to_its_value(value, expected):
    assert scope().resolve(value) == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"Ref": "Absent"}, "Absent"),
        ({"Fn::GetAtt": ["Queue", "Color"]}, "Color"),
        ({"Fn::FindInMap": ["Sizes", "mars", "small"]}, "mars"),
        ({"Fn::Select": [5, ["a"]]}, "index 5"),
        ({"Fn::If": ["Maybe", 1, 2]}, "Maybe"),
        ({"Fn::Join": "x"}, "malformed"),
        ({"Fn::ImportValue": "absent"}, "No export named absent"),
        ({"Fn::Transform": {}}, "not implemented"),
        ({"a": "{{resolve:ssm:x}}"}, "Dynamic references"),
    ],
)
def test_a_function_that_comes_to_nothing_is_named(value, why):
    with pytest.raises(TemplateError, match=why):
        scope().resolve(value)


def test_what_is_made_anew_is_unknown_wherever_it_is_used():
    for value in (
        {"Ref": "New"},
        {"Fn::Sub": "a-${New.Arn}"},
        {"Fn::Join": ["", ["a", {"Ref": "New"}]]},
        {"Fn::Split": ["-", {"Ref": "New"}]},
    ):
        resolved = scope().resolve(value)
        assert isinstance(resolved, Unknown)
        assert resolved != resolved  # noqa: PLR0124 - that is the point of it


def test_references_are_found_wherever_they_stand():
    value = {"a": [{"Ref": "A"}, {"Fn::GetAtt": "B.Arn"}], "b": {"Fn::Sub": ["${C}${D.Arn}${own}${!E}", {"own": {"Ref": "F"}}]}}
    assert references(value) == {"A", "B", "C", "D", "F"}


def test_a_template_may_be_yaml_with_short_forms_or_json():
    text = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !Sub 'a-${AWS::Region}', V: 2012-10-17}\n"
    found = parse(text)["Resources"]["Queue"]["Properties"]
    assert found == {"QueueName": {"Fn::Sub": "a-${AWS::Region}"}, "V": "2012-10-17"}
    assert parse('{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}') == {"Resources": RESOURCES}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "format error"),
        ("- a", "unsupported structure"),
        ("Resources: {}", "At least one Resources member"),
        ("Resources: {A: {Typ: x}}", "/Resources/A"),
        ("Resurces: {}", "Resurces"),
        ("Resources: {A: &a {Type: x}, B: *a}", "aliases are not allowed"),
    ],
)
def test_what_is_no_template_is_refused(text, why):
    with pytest.raises(ApiError, match=why):
        parse(text)


def test_a_body_may_not_be_too_long():
    with pytest.raises(ApiError, match=str(MAX_BODY_BYTES)):
        read(None, {"TemplateBody": " " * (MAX_BODY_BYTES + 1)})  # type: ignore[arg-type]
    with pytest.raises(ApiError, match="Template URL or Template Body"):
        read(None, {})  # type: ignore[arg-type]


def test_a_transform_that_is_not_known_is_said():
    document = {"Transform": ["AWS::LanguageExtensions"], "Resources": RESOURCES}
    with pytest.raises(TransformError, match="AWS::LanguageExtensions"):
        expand(Source("", document), {}, "eu-west-1")


def test_sam_names_what_it_refuses():
    document = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {}}}}
    with pytest.raises(TransformError, match="F"):
        expand(Source("", document), {}, "eu-west-1")


DECLARED = {
    "Parameters": {
        "Level": {"Type": "String", "Default": "low", "AllowedValues": ["low", "high"]},
        "Name": {"Type": "String", "AllowedPattern": "[a-z]+", "MaxLength": 5},
        "Count": {"Type": "Number", "Default": 3, "MinValue": 1, "MaxValue": 9},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Key": {"Type": "String", "Default": "x", "NoEcho": True},
    }
}


def given(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def test_parameters_have_the_given_value_the_one_before_or_their_default():
    kept = [{"ParameterKey": "Count", "UsePreviousValue": True}]
    values = parameters.values_of(DECLARED, [*given(Name="abc"), *kept], {"Count": "7"})
    assert values == {"Level": "low", "Name": "abc", "Count": "7", "Zones": "a, b", "Key": "x"}
    assert parameters.typed(DECLARED, values)["Zones"] == ["a", "b"]
    assert parameters.shown(DECLARED, values)[-1] == {"ParameterKey": "Key", "ParameterValue": "****"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, r"\[Name\] must have values"),
        ({"Name": "abc", "Color": "red"}, r"\[Color\] do not exist"),
        ({"Name": "ABC"}, r"'Name' must match pattern"),
        ({"Name": "abcdef"}, r"'Name' must have 0 to 5 characters"),
        ({"Name": "a", "Level": "middle"}, "'Level' must be one of low, high"),
        ({"Name": "a", "Count": "10"}, "'Count' must be a number from 1 to 9"),
        ({"Name": "a", "Count": "many"}, "'Count' must be a number"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(values, why):
    with pytest.raises(ApiError, match=why):
        parameters.values_of(DECLARED, given(**values), {})
