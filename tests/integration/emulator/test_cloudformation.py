"""Stacks: templates that are really carried out, changed, taken back and remembered."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
LOCATION = {"LocationConstraint": "eu-west-1"}
CODE = "def handler(event, context): return {'says': 'WORD', 'version': context.function_version, 'records': len(event.get('Records', []))}"


class Clouds:
    """Stacks of one emulator, and what they came to."""

    def __init__(self, emulator: Any) -> None:
        self.emulator, self.cf = emulator, emulator.client("cloudformation")

    def settled(self, name: str) -> dict[str, Any]:
        """The stack when nothing is under way any more."""
        end = time.monotonic() + 60
        while (found := self.cf.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith("_IN_PROGRESS"):
            assert time.monotonic() < end, found["StackStatus"]
            time.sleep(0.02)
        return dict(found)

    def create(self, name: str, template: dict[str, Any], **options: Any) -> dict[str, Any]:
        made = self.cf.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=CAPABILITIES, **options)
        return self.settled(made["StackId"])

    def update(self, name: str, template: dict[str, Any], **options: Any) -> dict[str, Any]:
        self.cf.update_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=CAPABILITIES, **options)
        return self.settled(name)

    def delete(self, name: str) -> dict[str, Any]:
        identity = self.cf.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.cf.delete_stack(StackName=name)
        return self.settled(identity)

    def change_set(self, name: str, template: dict[str, Any], kind: str, **options: Any) -> dict[str, Any]:
        body = json.dumps(template)
        made = self.cf.create_change_set(
            StackName=name,
            ChangeSetName=f"c{time.time_ns()}",
            ChangeSetType=kind,
            TemplateBody=body,
            Capabilities=CAPABILITIES,
            **options,
        )
        return dict(self.cf.describe_change_set(ChangeSetName=made["Id"]))

    def failed(self, name: str) -> dict[str, str]:
        events = self.cf.describe_stack_events(StackName=name)["StackEvents"]
        return {one["LogicalResourceId"]: one["ResourceStatusReason"] for one in events if one["ResourceStatus"].endswith("_FAILED")}


@pytest.fixture(scope="module")
def clouds(emulator: Any) -> Clouds:
    return Clouds(emulator)


@pytest.fixture(scope="module")
def code(emulator: Any) -> Callable[[str], str]:
    """Puts a function's zip that says a word into S3; its key."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="stack-code", CreateBucketConfiguration=LOCATION)

    def put(word: str) -> str:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", CODE.replace("WORD", word))
        s3.put_object(Bucket="stack-code", Key=f"{word}.zip", Body=content.getvalue())
        return f"{word}.zip"

    return put


def queue(name: str, seconds: int = 30, **extra: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, "VisibilityTimeout": seconds}, **extra}


def resources(**named: Any) -> dict[str, Any]:
    return {"Resources": named}


def test_a_serverless_template_really_runs(clouds, code):
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"Key": {"Type": "String"}},
        "Resources": {
            "Work": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}},
            "Function": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "CodeUri": {"Bucket": "stack-code", "Key": {"Ref": "Key"}},
                    "Handler": "app.handler",
                    "Runtime": "python3.11",
                    "Timeout": 10,
                    "AutoPublishAlias": "live",
                    "Events": {
                        "Front": {"Type": "HttpApi", "Properties": {"Path": "/v1/{name}", "Method": "get"}},
                        "Queue": {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Work", "Arn"]}}},
                    },
                },
            },
        },
        "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["ServerlessHttpApi", "ApiEndpoint"]}}, "Name": {"Value": {"Ref": "Function"}}},
    }
    chosen = [{"ParameterKey": "Key", "ParameterValue": code("first")}]
    stack = clouds.create("serverless", template, Parameters=chosen)
    assert stack["StackStatus"] == "CREATE_COMPLETE", clouds.failed("serverless")
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    lambdas = clouds.emulator.client("lambda")

    def says() -> dict[str, Any]:
        return dict(json.loads(lambdas.invoke(FunctionName=outputs["Name"], Qualifier="live")["Payload"].read()))

    assert says() == {"says": "first", "version": "1", "records": 0}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{outputs['Url']}/v1/x", timeout=30) as answer:
        assert json.loads(answer.read())["says"] == "first"
    stack = clouds.update("serverless", template, Parameters=[{"ParameterKey": "Key", "ParameterValue": code("second")}])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", clouds.failed("serverless")
    assert says() == {"says": "second", "version": "2", "records": 0}
    assert clouds.delete("serverless")["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(lambdas.exceptions.ResourceNotFoundException):
        says()


def test_a_failure_takes_back_what_was_made_and_says_why(clouds):
    broken = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": ["http://127.0.0.1/absent"], "PolicyDocument": {}}}
    stack = clouds.create("broken", resources(Queue=queue("broken"), Policy={**broken, "DependsOn": "Queue"}))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert set(clouds.failed("broken")) == {"Policy"}
    sqs = clouds.emulator.client("sqs")
    with pytest.raises(ClientError):
        sqs.get_queue_url(QueueName="broken")
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        clouds.cf.update_stack(StackName="broken", TemplateBody=json.dumps(resources(Queue=queue("broken"))))
    clouds.delete("broken")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (resources(A={"Type": "AWS::EC2::Instance"}), r"AWS::EC2::Instance"),
        (resources(A={"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "B"}}}), r"dependencies \[B\]"),
        (resources(A={"Type": "AWS::SQS::Queue", "DependsOn": "B"}, B={"Type": "AWS::SQS::Queue", "DependsOn": "A"}), "Circular"),
        ({**resources(A=queue("a")), "Rules": {"R": {"Assertions": [{"Assert": {"Fn::Equals": ["a", "b"]}}]}}}, "rule R"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(clouds, template, why):
    with pytest.raises(ClientError, match=why):
        clouds.create("refused", template)
    assert "refused" not in [one["StackName"] for one in clouds.cf.describe_stacks()["Stacks"]]


def test_an_unknown_property_fails_the_stack_by_name(clouds):
    stack = clouds.create("colour", resources(A={"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "unsupported property Colour" in clouds.failed("colour")["A"]


def test_capabilities_are_asked_for(clouds):
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement": []}}}
    for given in ([], ["CAPABILITY_IAM"]):
        with pytest.raises(clouds.cf.exceptions.InsufficientCapabilitiesException, match="CAPABILITY_NAMED_IAM"):
            clouds.cf.create_stack(StackName="roles", TemplateBody=json.dumps(resources(Role=role)), Capabilities=given)


def test_an_update_changes_what_differs_in_place_or_by_another_and_removes_what_is_gone(clouds):
    clouds.create("moving", resources(A=queue("moving-a"), B=queue("moving-b"), C=queue("moving-c")))
    url = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in clouds.cf.describe_stack_resources(StackName="moving")["StackResources"]
    }
    after = resources(A=queue("moving-a", 60), B=queue("moving-d"))
    shown = clouds.change_set("moving", after, "UPDATE")
    assert {
        (one["ResourceChange"]["LogicalResourceId"], one["ResourceChange"]["Action"], one["ResourceChange"].get("Replacement"))
        for one in shown["Changes"]
    } == {
        ("A", "Modify", "False"),
        ("B", "Modify", "True"),
        ("C", "Remove", None),
    }
    clouds.cf.execute_change_set(ChangeSetName=shown["ChangeSetId"])
    assert clouds.settled("moving")["StackStatus"] == "UPDATE_COMPLETE"
    sqs = clouds.emulator.client("sqs")
    assert sqs.get_queue_attributes(QueueUrl=url["A"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "60"
    assert sorted(one.rpartition("/")[2] for one in sqs.list_queues(QueueNamePrefix="moving")["QueueUrls"]) == ["moving-a", "moving-d"]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        clouds.update("moving", after)
    unchanged = clouds.change_set("moving", after, "UPDATE")
    assert (unchanged["Status"], unchanged["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in unchanged["StatusReason"]
    clouds.delete("moving")
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="moving")


def test_an_update_that_fails_goes_back_to_how_it_was(clouds):
    clouds.create("back", resources(A=queue("back-a"), B=queue("back-b")))
    bad = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": ["http://127.0.0.1/absent"], "PolicyDocument": {}}}
    after = resources(A=queue("back-a", 99), New=queue("back-new"), Bad={**bad, "DependsOn": ["A", "New"]})
    stack = clouds.update("back", after)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    sqs = clouds.emulator.client("sqs")
    urls = {one.rpartition("/")[2]: one for one in sqs.list_queues(QueueNamePrefix="back-")["QueueUrls"]}
    assert set(urls) == {"back-a", "back-b"}
    found = sqs.get_queue_attributes(QueueUrl=urls["back-a"], AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert found["VisibilityTimeout"] == "30"
    clouds.delete("back")


def test_a_retained_bucket_stays_and_is_adopted_by_the_next_stack(clouds):
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "kept-by-policy"}}
    clouds.create("keeper", resources(Kept=kept))
    s3 = clouds.emulator.client("s3")
    s3.put_object(Bucket="kept-by-policy", Key="a", Body=b"x")
    clouds.delete("keeper")
    assert s3.get_object(Bucket="kept-by-policy", Key="a")["Body"].read() == b"x"
    assert clouds.create("keeper", resources(Kept=kept))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in clouds.failed("keeper")["Kept"]
    clouds.delete("keeper")
    versioned = {**kept, "Properties": {**kept["Properties"], "VersioningConfiguration": {"Status": "Enabled"}}}
    shown = clouds.change_set("keeper", resources(Kept=versioned), "CREATE", ImportExistingResources=True)
    assert [one["ResourceChange"]["Action"] for one in shown["Changes"]] == ["Import"]
    clouds.cf.execute_change_set(ChangeSetName=shown["ChangeSetId"])
    assert clouds.settled("keeper")["StackStatus"] == "CREATE_COMPLETE"
    assert s3.get_bucket_versioning(Bucket="kept-by-policy")["Status"] == "Enabled"


def test_conditions_exports_and_pseudo_parameters(clouds):
    first = {
        "Parameters": {"Extra": {"Type": "String", "Default": "no"}},
        "Conditions": {"HasExtra": {"Fn::Equals": [{"Ref": "Extra"}, "yes"]}},
        "Resources": {"A": queue("export-a"), "B": queue("export-b", Condition="HasExtra")},
        "Outputs": {
            "Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-arn"}}},
            "Only": {"Condition": "HasExtra", "Value": {"Ref": "B"}},
        },
    }
    stack = clouds.create("exporter", first)
    assert [one["OutputKey"] for one in stack["Outputs"]] == ["Arn"]
    second = {**resources(A=queue("import-a")), "Outputs": {"Got": {"Value": {"Fn::ImportValue": "exporter-arn"}}}}
    (got,) = clouds.create("importer", second)["Outputs"]
    assert got["OutputValue"] == "arn:aws:sqs:eu-west-1:123456789012:export-a"
    assert [one["Name"] for one in clouds.cf.list_exports()["Exports"]] == ["exporter-arn"]
    stack = clouds.update("exporter", first, Parameters=[{"ParameterKey": "Extra", "ParameterValue": "yes"}])
    assert {one["OutputKey"] for one in stack["Outputs"]} == {"Arn", "Only"}


def test_a_template_can_be_validated_and_read_back(clouds):
    body = json.dumps({**resources(A=queue("validated")), "Parameters": {"N": {"Type": "Number", "Default": 3}}, "Description": "one"})
    found = clouds.cf.validate_template(TemplateBody=body)
    assert (found["Description"], found["Parameters"][0]["DefaultValue"]) == ("one", "3")
    with pytest.raises(ClientError, match="At least one Resources member"):
        clouds.cf.validate_template(TemplateBody="{}")
    clouds.cf.create_stack(StackName="validated", TemplateBody=body)
    clouds.settled("validated")
    assert json.dumps(clouds.cf.get_template(StackName="validated")["TemplateBody"]) == body
    with pytest.raises(ClientError, match="does not exist"):
        clouds.cf.describe_stacks(StackName="absent")
    with pytest.raises(clouds.cf.exceptions.AlreadyExistsException):
        clouds.cf.create_stack(StackName="validated", TemplateBody=body)


@pytest.fixture
def own(tmp_path: Path, start_emulator: Any) -> Iterator[Clouds]:
    """An emulator that a test may restart."""
    yield Clouds(start_emulator(tmp_path / "home"))
    lifecycle.down(tmp_path / "home")


def test_what_only_the_process_knew_is_made_again_after_a_restart(own, tmp_path, start_emulator):
    template = {
        **resources(
            Key={"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True}},
            Queue=queue("again"),
            Role={"Type": "AWS::IAM::Role", "Properties": {"RoleName": "again", "AssumeRolePolicyDocument": {"Statement": []}}},
            Api={"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "again", "ProtocolType": "HTTP"}},
        ),
        "Outputs": {"Key": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}, "Api": {"Value": {"Ref": "Api"}}},
    }
    before = own.create("again", template)["Outputs"]
    lifecycle.down(tmp_path / "home")
    now = Clouds(start_emulator(tmp_path / "home"))
    assert now.settled("again")["Outputs"] == before
    outputs = {one["OutputKey"]: one["OutputValue"] for one in before}
    assert now.emulator.client("kms").get_key_rotation_status(KeyId=outputs["Key"])["KeyRotationEnabled"]
    assert now.emulator.client("iam").get_role(RoleName="again")["Role"]["RoleName"] == "again"
    assert now.emulator.client("sqs").get_queue_url(QueueName="again")["QueueUrl"]
    assert now.emulator.client("apigatewayv2").get_api(ApiId=outputs["Api"])["Name"] == "again"
    assert "didn't contain changes" in now.change_set("again", template, "UPDATE")["StatusReason"]
