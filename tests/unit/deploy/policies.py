"""Rules on policies: each returns the faults of a template as lines, none when it is sound."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.unit.deploy.template import Document, Statement, of_type, statements, texts

JUSTIFIED = Path(__file__).parents[3] / "deploy" / "aws" / "justified.yaml"

_REFERENCE = re.compile(r"\$\{[^}]+\}")
_ALL_OF_A_KIND = re.compile(r"\*|arn:[^:]+:[^:]+:[^:]*:[^:]*:(\*.*|[a-z-]+[/:]\*)")
"""`*`, or an ARN that names a type of resource and nothing more."""


def justified() -> list[dict[str, Any]]:
    """The wildcards that a service forces, each with its reason."""
    found: list[dict[str, Any]] = yaml.safe_load(JUSTIFIED.read_text())["wildcards"]
    return found


def wildcards(statement: Statement) -> Iterator[str]:
    """The actions with a wildcard and the resources that are all, or all of a kind. A Deny may be as broad as it likes."""
    if statement.allows and statement.kind != "trust":
        yield from (action for action in statement.texts("Action") if "*" in action)
        yield from (resource for resource in statement.texts("Resource") if _ALL_OF_A_KIND.fullmatch(_REFERENCE.sub("R", resource)))


def unjustified(template: Document) -> list[str]:
    allowed = {(owner, entry["sid"], entry["what"]) for entry in justified() for owner in entry["in"]}
    return [
        f"{statement.owner}.{statement.sid}: {what} is not on the justified list"
        for statement in statements(template)
        for what in wildcards(statement)
        if (statement.owner, statement.sid, what) not in allowed
    ]


def handed_on(template: Document) -> list[str]:
    """PassRole names the roles and the one service that may get them."""
    faults = []
    for statement in statements(template):
        if (
            statement.allows
            and any(action in ("iam:PassRole", "iam:*", "*") for action in statement.texts("Action"))
            and statement.kind == "identity"
        ):
            service = statement.fields.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
            named = all("role/" in resource or resource.endswith("Arn}") for resource in statement.texts("Resource"))
            if not service or not named:
                faults.append(f"{statement.owner}.{statement.sid}: hands on any role, or to any service")
    return faults


def trust(template: Document) -> list[str]:
    """Who may take a role: one service, or one repository's workflows in one environment; nobody else."""
    faults = []
    for statement in statements(template):
        if statement.kind != "trust":
            continue
        principal = statement.fields["Principal"]
        equals = statement.fields.get("Condition", {}).get("StringEquals", {})
        if "Federated" in principal:
            subject = str(equals.get("token.actions.githubusercontent.com:sub", ""))
            audience = equals.get("token.actions.githubusercontent.com:aud")
            if "${GitHubRepository}" not in subject or ":environment:" not in subject or "*" in subject or audience != "sts.amazonaws.com":
                faults.append(f"{statement.owner}: any workflow on GitHub may take it")
        elif set(principal) != {"Service"} or not isinstance(principal["Service"], str):
            faults.append(f"{statement.owner}: {principal} is not one service")
        elif principal["Service"] == "sagemaker.amazonaws.com" and "aws:SourceAccount" not in equals:
            faults.append(f"{statement.owner}: another account's SageMaker may take it")
    return faults


def secret_readers(template: Document) -> list[str]:
    """Who reads a secret beside Ingest."""
    reads = ("secretsmanager:GetSecretValue", "secretsmanager:*", "*")
    found = {s.owner for s in statements(template) if s.kind == "identity" and s.allows and set(s.texts("Action")) & set(reads)}
    return [f"{owner}: reads the secret" for owner in sorted(found ^ {"IngestRole"})]


def mute_rules(template: Document) -> list[str]:
    """EventBridge says of no account or rule when it publishes to a topic: a condition would lose every message without a word."""
    return [
        f"{s.owner}.{s.sid}: EventBridge never meets a condition here"
        for s in statements(template)
        if s.kind in ("AWS::SNS::TopicPolicy", "AWS::KMS::Key")
        and "events.amazonaws.com" in str(s.fields.get("Principal"))
        and s.fields.get("Condition")
    ]


def shared_topic_policies(template: Document) -> list[str]:
    """SNS refuses a policy for several topics, and a statement whose resource is not the one topic of its policy."""
    faults = []
    for name, item in of_type(template, "AWS::SNS::TopicPolicy").items():
        topics, said = item["Topics"], item["PolicyDocument"]["Statement"]
        faults += [f"{name}: stands for {len(topics)} topics"] * (len(topics) != 1)
        faults += [f"{name}.{statement['Sid']}: is of another resource" for statement in said if statement["Resource"] != topics[0]]
    return faults


def scaling_without_rights(template: Document) -> list[str]:
    """Application Auto Scaling acts with the rights of who registers a target: on the endpoint, and on the alarms it tracks by."""
    needed = {"sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig"}
    needed |= {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"}
    held: dict[str, set[str]] = {}
    for statement in statements(template):
        if statement.kind == "identity" and statement.allows:
            held.setdefault(statement.owner, set()).update(statement.texts("Action"))
    registers = {owner: actions for owner, actions in held.items() if "application-autoscaling:RegisterScalableTarget" in actions}
    return [f"{owner}: lacks {action}" for owner, actions in registers.items() for action in sorted(needed - actions)]


def tls_alone(template: Document) -> list[str]:
    """Every bucket, queue and topic refuses what comes without TLS."""
    faults = []
    denials = [s for s in statements(template) if not s.allows and s.fields.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}]
    carriers = {"AWS::S3::Bucket": "Bucket", "AWS::SQS::Queue": "Queues", "AWS::SNS::Topic": "Topics"}
    for kind, field in carriers.items():
        covered = set()
        for denial in denials:
            holder = template["Resources"][denial.owner]["Properties"]
            target = holder.get(field, [])
            covered |= {str(item.get("Ref")) for item in (target if isinstance(target, list) else [target])}
        faults += [f"{name}: answers without TLS" for name in of_type(template, kind) if name not in covered]
    return faults


def too_long(template: Document) -> list[str]:
    """IAM's limits without white space: 6,144 characters for a managed policy, 10,240 for all that stand in one role."""
    faults = []
    for kind, limit in (("AWS::IAM::ManagedPolicy", 6144), ("AWS::IAM::Role", 10240)):
        for name, item in of_type(template, kind).items():
            documents = [policy["PolicyDocument"] for policy in item.get("Policies", [])] or [item.get("PolicyDocument", {})]
            length = sum(len(_written_out(document)) for document in documents)
            if length > limit:
                faults.append(f"{name}: {length} characters, and IAM takes {limit}")
    return faults


def _written_out(value: Any) -> str:
    """The document as CloudFormation would write it, every option on, names of the default length and the longest region."""

    def plain(part: Any) -> Any:
        if isinstance(part, list):
            return [plain(item) for item in part if item != {"Ref": "AWS::NoValue"}]
        if not isinstance(part, dict):
            return part
        if "Fn::If" in part:
            return plain(part["Fn::If"][1])
        if part and set(part) <= {"Ref", "Fn::Sub", "Fn::GetAtt"}:
            return _REFERENCE.sub(lambda found: _LENGTHS.get(found[0], "housing-forecast-name"), texts(part)[0])
        return {key: plain(item) for key, item in part.items()}

    return json.dumps(plain(value), separators=(",", ":"))


_ARN = "arn:aws:iam::123456789012:role/housing-sagemaker"
_LENGTHS = {"${AWS::Partition}": "aws", "${AWS::Region}": "ap-southeast-1", "${AWS::AccountId}": "123456789012"}
_LENGTHS |= {f"${{{name}.Arn}}": _ARN for name in ("DataBucket", "Key", "Repository", "SageMakerRole", "IngestRole")}
