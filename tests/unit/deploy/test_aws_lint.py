"""What `make infra` would find: cfn-lint on what SAM makes of a template, as it sees no action of a policy before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint
from samtranslator.model.exceptions import InvalidDocumentException

from scripts.expand_template import expand

SOUND = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: a.b
      CodeUri: {Bucket: code, Key: code.zip}
      Policies: [{Version: "2012-10-17", Statement: [{Effect: Allow, Action: s3:GetObject, Resource: "arn:aws:s3:::b/k"}]}]
  Rule:
    Type: AWS::Events::Rule
    Properties: {ScheduleExpression: rate(1 day), State: ENABLED}
Outputs:
  Arn: {Value: !GetAtt Function.Arn}
"""


def faults(template: str, folder: Path) -> set[str]:
    """The rules that cfn-lint finds broken in what SAM makes of the template."""
    (folder / "template.yaml").write_text(template)
    expanded = json.dumps(expand(folder / "template.yaml"))
    return {found.rule.id for found in lint(expanded, config=ManualArgs(regions=["us-east-1"]))}


@pytest.mark.parametrize(
    ("sound", "planted", "rule"),
    [
        ("s3:GetObject", "s3:GetObjekt", "W3037"),
        ("Function.Arn", "Function.Arm", "E6101"),
        ("rate(1 day)", "rate(1 days)", "E3027"),
        ("State: ENABLED", "State: ON", "E3030"),
        ("python3.11", "python3.6", "E2533"),
    ],
)
def test_a_planted_fault_is_found(sound: str, planted: str, rule: str, tmp_path: Path) -> None:
    assert sound in SOUND
    assert rule in faults(SOUND.replace(sound, planted), tmp_path) - faults(SOUND, tmp_path)


def test_sam_itself_refuses_an_event_that_says_not_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        SOUND.replace("      Handler: a.b\n", "      Handler: a.b\n      Events: {E: {Type: Api, Properties: {Method: get}}}\n")
    )
    with pytest.raises(InvalidDocumentException):
        expand(tmp_path / "template.yaml")
