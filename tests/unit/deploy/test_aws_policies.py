"""Who may do what: no more than is needed, by nobody else, and each wildcard with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.deploy import policies
from tests.unit.deploy.template import Document, statements

Spoil = Callable[[Document], Any]


def identity(template: Document, role: str, sid: str = "") -> Document:
    """A statement of a role's first policy: that of the name, or else the first."""
    found: list[Document] = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return next(one for one in found if one.get("Sid") == sid) if sid else found[0]


def trusting(template: Document, role: str) -> Document:
    found: Document = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    return found


RULES = [policies.unjustified, policies.handed_on, policies.trust, policies.secret_readers, policies.tls_alone, policies.mute_rules]
RULES += [policies.too_long, policies.shared_topic_policies, policies.scaling_without_rights]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(template: Document, rule: Callable[[Document], list[str]]) -> None:
    assert rule(template) == []


def test_every_entry_of_the_justified_list_is_still_needed_and_has_a_reason(template: Document) -> None:
    needed = {(statement.owner, statement.sid, what) for statement in statements(template) for what in policies.wildcards(statement)}
    listed = {(owner, entry["sid"], entry["what"]): entry["why"] for entry in policies.justified() for owner in entry["in"]}
    assert set(listed) == needed
    assert all(len(reason) > 20 for reason in listed.values())


FAULTS: list[tuple[str, Callable[[Document], list[str]], Spoil]] = [
    ("an action with a wildcard", policies.unjustified, lambda t: identity(t, "PredictRole").update(Action="sagemaker:*")),
    ("a wildcard in the middle", policies.unjustified, lambda t: identity(t, "PredictRole").update(Action=["sagemaker:Invoke*"])),
    ("every resource", policies.unjustified, lambda t: identity(t, "PredictRole").update(Resource="*")),
    (
        "all of a kind",
        policies.unjustified,
        lambda t: identity(t, "PredictRole").update(Resource={"Fn::Sub": "arn:aws:sagemaker:${AWS::Region}:1:endpoint/*"}),
    ),
    (
        "every resource in one branch",
        policies.unjustified,
        lambda t: identity(t, "TrainRole").update(Resource={"Fn::If": ["HasNat", "*", "arn:aws:s3:::b/k"]}),
    ),
    ("a role for any service", policies.handed_on, lambda t: identity(t, "SageMakerRole", "HandsItselfAndIngestToJobs").pop("Condition")),
    ("any role", policies.handed_on, lambda t: identity(t, "SageMakerRole", "HandsItselfAndIngestToJobs").update(Resource="*")),
    ("any account's people", policies.trust, lambda t: trusting(t, "PredictRole").update(Principal={"AWS": "*"})),
    ("another account's SageMaker", policies.trust, lambda t: trusting(t, "SageMakerRole").pop("Condition")),
    (
        "any repository",
        policies.trust,
        lambda t: trusting(t, "CiRole")["Condition"]["StringEquals"].update({"token.actions.githubusercontent.com:sub": "repo:*"}),
    ),
    (
        "any branch",
        policies.trust,
        lambda t: trusting(t, "CiRole")["Condition"].update(StringLike=trusting(t, "CiRole")["Condition"].pop("StringEquals")),
    ),
    (
        "a second reader of the secret",
        policies.secret_readers,
        lambda t: identity(t, "TrainRole").update(Action="secretsmanager:GetSecretValue"),
    ),
    ("a policy that IAM refuses", policies.too_long, lambda t: identity(t, "TrainRole").update(Resource=["arn:aws:s3:::bucket/key"] * 500)),
    (
        "a condition that no rule meets",
        policies.mute_rules,
        lambda t: t["Resources"]["AlarmsPolicy"]["Properties"]["PolicyDocument"]["Statement"][2].update(
            Condition={"Bool": {}, "X": {"a": "b"}}
        ),
    ),
    (
        "a topic policy for two",
        policies.shared_topic_policies,
        lambda t: t["Resources"]["AlarmsPolicy"]["Properties"].update(Topics=[{"Ref": "Alarms"}, {"Ref": "Outcomes"}]),
    ),
    (
        "a statement for another topic",
        policies.shared_topic_policies,
        lambda t: t["Resources"]["AlarmsPolicy"]["Properties"]["PolicyDocument"]["Statement"][0].update(Resource={"Ref": "Outcomes"}),
    ),
    (
        "scaling without the rights that the service asks of its caller",
        policies.scaling_without_rights,
        lambda t: identity(t, "DeployRole").update(Action=["sagemaker:DescribeEndpoint"]),
    ),
    ("a bucket without TLS", policies.tls_alone, lambda t: t["Resources"].pop("LogBucketPolicy")),
    ("a queue without TLS", policies.tls_alone, lambda t: t["Resources"]["QueuePolicy"]["Properties"].update(Queues=[{"Ref": "Triggers"}])),
]


@pytest.mark.parametrize(("rule", "spoil"), [(rule, spoil) for _, rule, spoil in FAULTS], ids=[name for name, _, _ in FAULTS])
def test_a_planted_fault_is_found(template: Document, rule: Callable[[Document], list[str]], spoil: Spoil) -> None:
    spoil(template)
    assert rule(template)
