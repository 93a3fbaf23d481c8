"""The templates as they are sent, what the settings fill in, and that both say the same names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.cloudformation.intrinsics import Scope
from pipelines import bootstrap, packaging, stacks, templates
from pipelines.errors import BootstrapError
from pipelines.settings import Settings


def test_short_forms_and_merges_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(
        "Resources:\n"
        "  A: &a {Type: 'AWS::SQS::Queue', Properties: {V: 2012-10-17, N: !Sub 'x-${A.Arn}', G: !GetAtt B.Arn.Sub, R: !Ref B}}\n"
        "  B: {<<: *a, Condition: C, Properties: {L: !Join ['-', [!Ref A, b]], I: !If [C, 1, !Ref 'AWS::NoValue']}}\n"
        "Conditions: {C: !Not [!Equals [a, b]]}\n"
    )
    document = templates.load("app", tmp_path).document
    assert document["Resources"]["A"]["Properties"] == {
        "V": "2012-10-17",
        "N": {"Fn::Sub": "x-${A.Arn}"},
        "G": {"Fn::GetAtt": ["B", "Arn.Sub"]},
        "R": {"Ref": "B"},
    }
    assert document["Resources"]["B"]["Type"] == "AWS::SQS::Queue"
    assert document["Resources"]["B"]["Properties"]["I"] == {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}
    assert document["Conditions"] == {"C": {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}}


def test_another_content_lies_at_another_key(tmp_path: Path) -> None:
    keys = []
    for name in ("A", "B", "A"):
        (tmp_path / "app.yaml").write_text(f"Resources: {{{name}: {{Type: x}}}}\n")
        keys.append(templates.load("app", tmp_path).key)
    assert keys[0] == keys[2] != keys[1]


def test_what_is_not_there_or_no_yaml_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="not found"):
        templates.load("app", tmp_path)
    (tmp_path / "app.yaml").write_text("a: [")
    with pytest.raises(BootstrapError) as fault:
        templates.load("app", tmp_path)
    assert "\n" not in str(fault.value)


@pytest.fixture(scope="module")
def app() -> dict[str, Any]:
    return dict(templates.load("app").document)


def named(app: dict[str, Any], logical: str, name: str) -> Any:
    return app["Resources"][logical]["Properties"][name]


def test_the_template_and_the_settings_say_the_same_names(app: dict[str, Any]) -> None:
    settings = Settings()
    assert settings.role_arn.rpartition("/")[2] == named(app, "SageMakerRole", "RoleName")
    assert settings.function_name == named(app, "PredictFunction", "FunctionName")
    default = named(app, "DataBucket", "BucketName")["Fn::If"][2]["Fn::Sub"]
    assert default.replace("${AWS::AccountId}", settings.account_id).replace("${AWS::Region}", settings.region) == settings.bucket
    for parameter, value in bootstrap.from_settings(settings).items():
        if parameter not in ("Settings", "ArtifactBucket", "BucketName"):
            assert app["Parameters"][parameter]["Default"] == value, parameter


def test_every_parameter_that_the_settings_fill_is_one_of_the_template(app: dict[str, Any]) -> None:
    keys = {f"{name.title()}Key" for name in packaging.names()}
    assert {*bootstrap.from_settings(Settings()), *keys} <= set(app["Parameters"])
    filled = json.loads(bootstrap.from_settings(Settings())["Settings"])["settings"]
    assert filled["endpoint_name"] == Settings().endpoint_name
    assert len(bootstrap.from_settings(Settings())["Settings"]) <= app["Parameters"]["Settings"]["MaxLength"]


@pytest.mark.parametrize(
    ("serving", "cpu_tier", "expected"),
    [
        ("realtime", True, ("housing-forecast-cpu", "")),
        ("realtime", False, ("", "")),
        ("serverless", True, ("", "")),
        ("async", True, ("", "housing-forecast")),
    ],
)
def test_the_functions_are_told_which_endpoints_there_are(serving: Any, cpu_tier: bool, expected: tuple[str, str]) -> None:
    known = bootstrap.from_settings(Settings(serving=serving, cpu_tier=cpu_tier))
    assert (known["CpuEndpointName"], known["AsyncEndpointName"]) == expected


def test_the_first_failure_is_the_reason_not_what_was_cancelled_for_it() -> None:
    def event(name: str, status: str, reason: str = "") -> dict[str, Any]:
        return {"LogicalResourceId": name, "ResourceType": "T", "ResourceStatus": status, "ResourceStatusReason": reason}

    newest_first = [
        event("Stack", "ROLLBACK_IN_PROGRESS", "failed"),
        event("C", "CREATE_FAILED", "no more"),
        event("B", "CREATE_FAILED", "the bucket\n exists"),
        event("A", "CREATE_FAILED", "Resource creation cancelled"),
    ]
    assert stacks.failure(newest_first) == "B (T): the bucket exists"
    assert "no resource says why" in stacks.failure([])


def test_the_names_that_are_written_out_are_those_that_the_templates_come_to() -> None:
    settings = Settings(endpoint_name="other")
    known = bootstrap.from_settings(settings)
    for name in ("app", "sagemaker"):
        template = templates.load(name)
        declared = {key: str(one.get("Default")) for key, one in template.document["Parameters"].items()}
        values = {**declared, **template.parameters(known), "AWS::Region": settings.region, "AWS::AccountId": settings.account_id}
        scope = Scope(values, conditions=template.document.get("Conditions", {}))
        for logical, properties in bootstrap._names(settings).items():
            if logical in template.document["Resources"]:
                written = template.document["Resources"][logical]["Properties"]
                assert {key: scope.resolve(written[key]) for key in properties} == properties
                sent = templates.with_names(template, bootstrap._names(settings)).document["Resources"][logical]["Properties"]
                assert sent == written | properties
