"""Each role against what its code calls: nothing that is called is missing, nothing that is allowed goes without a caller or a reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pipelines.packaging import closure
from tests.unit.deploy import calls
from tests.unit.deploy.template import Document, statements

ROOT = Path(__file__).parents[3]

BY_LAMBDA = {
    "logs:CreateLogStream": "the runtime writes the log",
    "logs:PutLogEvents": "the runtime writes the log",
    "sqs:SendMessage": "Lambda sends what failed to the dead-letter queue",
    "xray:PutTelemetryRecords": "the runtime traces",
    "xray:PutTraceSegments": "the runtime traces",
}
BY_S3 = {
    "kms:Decrypt": "S3 decrypts for the caller",
    "kms:DescribeKey": "S3 encrypts for the caller",
    "kms:GenerateDataKey": "S3 encrypts for the caller",
    "s3:ListBucket": "without it S3 says 403 of what is absent",
}
BY_SAGEMAKER = {
    "cloudwatch:TagResource": "alarms are made with tags",
    "kms:CreateGrant": "endpoints whose volumes are under a key",
    "iam:CreateServiceLinkedRole": "the first scaling of an account makes the role of Application Auto Scaling",
    "iam:PassRole": "models and jobs are made with a role",
    "sagemaker:AddTags": "endpoints and models are made with tags",
    "sagemaker:UpdateEndpointWeightsAndCapacities": "Application Auto Scaling asks it of who registers a target",
}
QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")

PUSH = [f"ecr:{name}" for name in ("BatchCheckLayerAvailability", "BatchGetImage", "CompleteLayerUpload", "DescribeImages")]
PUSH += [f"ecr:{name}" for name in ("DescribeImageScanFindings", "DescribeRepositories", "GetAuthorizationToken", "GetDownloadUrlForLayer")]
PUSH += [f"ecr:{name}" for name in ("BatchDeleteImage", "InitiateLayerUpload", "PutImage", "UploadLayerPart")]

INTERFACES = [f"ec2:{name}NetworkInterface" for name in ("Create", "Delete")] + ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
INTERFACES += ["ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
IN_VPC = dict.fromkeys(INTERFACES, "Lambda attaches the function to the VPC of FunctionSubnets")

NOT_IN_THE_CODE: dict[str, dict[str, str]] = {
    "predict": BY_LAMBDA
    | IN_VPC
    | BY_S3
    | {"s3:GetObject": "signed by itself (pipelines/signed.py)", "sagemaker:InvokeEndpoint": "signed by itself (pipelines/direct.py)"},
    "status": BY_LAMBDA | BY_S3 | IN_VPC,
    "train": BY_LAMBDA | BY_S3 | IN_VPC | dict.fromkeys(QUEUE, "Lambda takes the messages from the queue"),
    "deploy": BY_LAMBDA | BY_S3 | BY_SAGEMAKER,
    "ci": {"iam:PassRole": "CloudFormation works under a role", **dict.fromkeys(PUSH, "containers/push.sh")},
    "caller": BY_S3
    | BY_SAGEMAKER
    | {"execute-api:Invoke": "API Gateway asks it of who calls", "s3:AbortMultipartUpload": "a transfer that is broken off"},
}
"""Allowed though no call of boto3 names it, and why."""

NOT_CALLED: dict[str, dict[str, str]] = {
    "predict": {"invoke": "the method of pipelines/direct.py, which signs by itself", "search": "of a regular expression"},
    "status": {},
    "train": {},
    "deploy": {"start_pipeline_execution": "the function's own `start`, not that of pipelines/execution.py"},
    "ci": {
        "create_bucket": "whoever bootstraps first makes the bucket of the code",
        "delete_stack": "a teardown, which is a person's",
    },
    "caller": {
        "create_bucket": "the stack makes the bucket",
        "put_bucket_tagging": "the stack makes the bucket",
        "describe_cluster": "people of the cluster have a policy of their own (deploy/eks)",
        "describe_job": "a function of pipelines/details.py",
        "publish": "the function of pipelines/precomputed.py",
        "search": "of a regular expression",
    },
}
"""Names that look like operations, or operations that this role is not to call, and why."""

ROLES = {
    "predict": {"PredictRole"},
    "status": {"StatusRole"},
    "train": {"TrainRole"},
    "deploy": {"DeployRole"},
    "ci": {"CiRole"},
    "caller": {"CallerPolicy", "OperatorPolicy"},
}
STACKS = tuple(
    f"{place}.py" for place in ("pipelines/artifacts", "pipelines/bootstrap", "pipelines/stacks", "pipelines/templates", "cli/bootstrap")
)
"""What makes the stacks: run by whoever bootstraps, and by a workflow, but by no other role."""
UNDOING = {"pipelines/leftovers.py"}
"""What removes the stacks with all that they kept: an administrator's, as the first bootstrap is."""


def allowed(template: Document, role: str) -> set[str]:
    return {a for s in statements(template) if s.owner in ROLES[role] and s.kind == "identity" and s.allows for a in s.texts("Action")}


def called(role: str) -> set[str]:
    return said(role) - set(NOT_CALLED[role])


@cache
def said(role: str) -> frozenset[str]:
    if role in ("caller", "ci"):
        found = calls.held([ROOT / "pipelines", ROOT / "cli"])
        names = {name for name, places in found.items() if (places & set(STACKS) if role == "ci" else places - set(STACKS) - UNDOING)}
    else:
        ours = [module.path for module in closure(f"lambdas.{role}.handler") if module.name.partition(".")[0] in ("lambdas", "pipelines")]
        names = calls.reached(ours, "handler")
    return frozenset(names)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_its_code_calls(template: Document, role: str) -> None:
    may = allowed(template, role)
    missing = {name: calls.operations()[name] for name in called(role) if not may & set(calls.operations()[name])}
    assert missing == {}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_nothing_without_a_caller_or_a_reason(template: Document, role: str) -> None:
    used = {action for name in called(role) for action in calls.operations()[name]}
    assert allowed(template, role) - used == set(NOT_IN_THE_CODE[role]) - used


@pytest.mark.parametrize("role", ROLES)
def test_what_is_excused_is_still_said_in_the_code(role: str) -> None:
    assert set(NOT_CALLED[role]) <= said(role)


def test_a_call_is_found_in_the_text_through_the_functions_between(tmp_path: Path) -> None:
    code = """
    def handler(event, context):
        return begin(event)

    def begin(event):
        return client("s3").get_object(Bucket="b", Key="k")

    class Registry:
        def forgotten(self):
            return [page for page in self.sagemaker.get_paginator("list_models").paginate()]
    """
    (tmp_path / "one.py").write_text("\n".join(line[4:] for line in code.splitlines()))
    assert calls.reached([tmp_path / "one.py"], "handler") == {"get_object"}
    assert set(calls.held([tmp_path])) == {"get_object", "list_models"}
