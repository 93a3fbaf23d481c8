"""A stack's record: what it is made of, its events, and how it is found."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from emulator.cloudformation.blueprint import Blueprint, Identity
from emulator.cloudformation.intrinsics import Scope
from emulator.cloudformation.kinds import Made, Work
from emulator.cloudformation.template import invalid
from emulator.context import Context

KIND, RESOURCE, EVENT, CHANGE_SET = "stack", "stack-resource", "stack-event", "stack-change-set"
GONE = "DELETE_COMPLETE"
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")

Record = dict[str, Any]


def find(context: Context, reference: str) -> Record | None:
    """The stack of a name, unless it was deleted, or of an id, deleted or not."""
    if reference.startswith("arn:"):
        return context.store.get(KIND, reference)
    found = context.store.list(KIND, where=lambda one: one["StackName"] == reference and one["StackStatus"] != GONE)
    return found[-1] if found else None


def named(context: Context, reference: str) -> Record:
    """The same.

    Raises
    ------
    ApiError
        ValidationError when there is none.
    """
    found = find(context, reference)
    if found is None:
        raise invalid(f"Stack with id {reference} does not exist")
    return found


def draft(context: Context, name: str) -> Record:
    """A stack that may come to be: its id and name, recorded nowhere.

    Raises
    ------
    ApiError
        ValidationError for a name that can't be.
    """
    if not _NAME.fullmatch(name):
        raise invalid(f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: {_NAME.pattern}")
    return {"StackId": context.arn(f"stack/{name}/{uuid.uuid4()}", "cloudformation"), "StackName": name, "Values": {}}


def begin(context: Context, drafted: Record, status: str) -> Record:
    """A stack's record, from its draft."""
    record = {
        **drafted,
        "StackStatus": status,
        "CreationTime": time.time(),
        "Outputs": [],
        "Document": None,
        "Text": "",
    }
    context.store.add(KIND, record["StackId"], record)
    return record


def exported(context: Context, name: str) -> Any:
    """The value that a stack exports under a name."""
    for stack in context.store.list(KIND, where=lambda one: one["StackStatus"] != GONE):
        for output in stack["Outputs"]:
            if output.get("ExportName") == name:
                return output["OutputValue"]
    return None


@dataclass(frozen=True)
class Held:
    """A resource of a stack as it is: what it was made with, and what was made."""

    type: str
    properties: dict[str, Any]
    made: Made
    deletion_policy: str = "Delete"
    needs: tuple[str, ...] = ()
    imported: bool = False

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Held:
        """From a stack's record."""
        fields = {key: record[key] for key in ("type", "properties", "deletion_policy", "imported")}
        return cls(**fields, needs=tuple(record["needs"]), made=Made(**record["made"]))

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


class Stack:
    """One stack at work: its record, kept in step with what happens."""

    def __init__(self, context: Context, stack_id: str) -> None:
        record = context.store.get(KIND, stack_id)
        if record is None:
            raise invalid(f"Stack with id {stack_id} does not exist")
        self.context, self.id, self.name = context, stack_id, str(record["StackName"])
        self.record = record
        self.held: dict[str, Held] = {}
        for one in context.store.list(RESOURCE, parent=stack_id):
            if one["Held"] is not None:
                self.held[one["LogicalResourceId"]] = Held.of(one["Held"])

    @property
    def identity(self) -> Identity:
        return Identity(self.context, self.id, self.name)

    def set(self, status: str | None = None, reason: str = "", **fields: Any) -> None:
        """Change the record; a new status is an event too."""
        if status is not None:
            fields |= {"StackStatus": status, "StackStatusReason": reason or None, "LastUpdatedTime": time.time()}
        changed = self.context.store.update(KIND, self.id, fields)
        self.record = changed or self.record
        if status is not None:
            self._tell(self.name, "AWS::CloudFormation::Stack", self.id, status, reason)

    def tell(self, logical: str, kind: str, physical: str, status: str, reason: str = "") -> None:
        """An event of a resource."""
        held = self.held.get(logical)
        now = time.time()
        record = {
            "StackId": self.id,
            "StackName": self.name,
            "LogicalResourceId": logical,
            "PhysicalResourceId": physical or None,
            "ResourceType": kind,
            "ResourceStatus": status,
            "ResourceStatusReason": reason or None,
            "Timestamp": now,
            "LastUpdatedTimestamp": now,
            "Held": None if held is None else held.as_record(),
        }
        self.context.store.put(RESOURCE, f"{self.id}/{logical}", record, parent=self.id)
        self._tell(logical, kind, physical, status, reason)

    def _tell(self, logical: str, kind: str, physical: str, status: str, reason: str) -> None:
        event: Record = {
            "StackId": self.id,
            "StackName": self.name,
            "EventId": str(uuid.uuid4()),
            "LogicalResourceId": logical,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "Timestamp": time.time(),
            "ResourceStatus": status,
            "ResourceStatusReason": reason or None,
        }
        self.context.store.add(EVENT, event["EventId"], event, parent=self.id)

    def hold(self, logical: str, held: Held) -> None:
        """A resource is there."""
        self.held[logical] = held
        self.context.store.update(RESOURCE, f"{self.id}/{logical}", {"Held": held.as_record()})

    def let_go(self, logical: str) -> None:
        """A resource is gone."""
        self.held.pop(logical, None)
        self.context.store.update(RESOURCE, f"{self.id}/{logical}", {"Held": None})

    def work(self, logical: str, update_policy: Mapping[str, Any] | None = None) -> Work:
        """A resource's place."""
        return Work(self.context, self.id, self.name, logical, update_policy or {})

    def scope(self, blueprint: Blueprint) -> Scope:
        """The functions' world with the resources as they are."""

        def reference(name: str) -> Any:
            held = self.held.get(name)
            return None if held is None else held.made.reference or held.made.physical_id

        def attribute(name: str, attribute: str) -> Any:
            held = self.held.get(name)
            return None if held is None else held.made.attributes.get(attribute)

        return blueprint.scope(reference, attribute, lambda name: exported(self.context, name))
