"""Reading an expanded template: its resources, and the statements of all its policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement of a policy: the resource that it stands in, what kind of policy, and its own fields.

    `kind` is `identity` (a role or managed policy), `trust`, or the type of the resource that carries the policy.
    """

    owner: str
    kind: str
    fields: Document

    @property
    def sid(self) -> str:
        return str(self.fields.get("Sid", ""))

    @property
    def allows(self) -> bool:
        return self.fields["Effect"] == "Allow"

    def texts(self, field: str) -> list[str]:
        """The strings of Action or Resource, references written as `${NAME}`."""
        return texts(self.fields.get(field, []))


def of_type(template: Document, kind: str) -> dict[str, Document]:
    """Logical id -> properties of the resources of that type."""
    return {name: item.get("Properties", {}) for name, item in template["Resources"].items() if item["Type"] == kind}


def texts(value: Any) -> list[str]:
    """Every string that the value may come to: both branches of an If, a reference as `${NAME}`, an attribute as `${NAME.ATTRIBUTE}`."""
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    if not isinstance(value, dict):
        return [str(value)]
    function, argument = next(iter(value.items()))
    match function:
        case "Fn::If":
            return texts(argument[1]) + texts(argument[2])
        case "Fn::Sub":
            found = argument if isinstance(argument, str) else argument[0]
        case "Fn::GetAtt":
            found = "${" + (argument if isinstance(argument, str) else ".".join(argument)) + "}"
        case "Ref":
            found = "${" + argument + "}"
        case _:
            found = json.dumps(value)
    return [] if found == "${AWS::NoValue}" else [found]


def statements(template: Document) -> Iterator[Statement]:
    """Every statement of every policy in the template."""
    for name, item in template["Resources"].items():
        properties = item.get("Properties", {})
        for kind, document in _documents(item["Type"], properties):
            for fields in _flat(document["Statement"]):
                yield Statement(name, kind, fields)


def _documents(kind: str, properties: Document) -> Iterator[tuple[str, Document]]:
    if kind == "AWS::IAM::Role":
        yield "trust", properties["AssumeRolePolicyDocument"]
        yield from (("identity", policy["PolicyDocument"]) for policy in properties.get("Policies", []))
    elif kind == "AWS::IAM::ManagedPolicy":
        yield "identity", properties["PolicyDocument"]
    elif "PolicyDocument" in properties:
        yield kind, properties["PolicyDocument"]
    elif "KeyPolicy" in properties:
        yield kind, properties["KeyPolicy"]


def _flat(value: Any) -> Iterator[Document]:
    for item in value if isinstance(value, list) else [value]:
        if "Fn::If" in item:
            yield from (fields for branch in item["Fn::If"][1:] for fields in _flat(branch))
        elif "Ref" not in item:
            yield item
