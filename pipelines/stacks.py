"""CloudFormation stacks: what a template would change, done with progress, and why it failed in one line."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipelines.aws import client, error_code
from pipelines.errors import BootstrapError
from pipelines.polling import pauses
from pipelines.settings import Settings
from pipelines.tags import tag_list
from pipelines.templates import Template

CAPABILITIES = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_NEVER_MADE = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled")
_SETTLE_SECONDS = 3600

Progress = Callable[[int, int, str], None]
"""Told how many resources are done, how many there are to do, and the newest event."""


@dataclass(frozen=True)
class Change:
    """One resource's change: Add, Import, Modify (in place or by another one) or Remove."""

    action: str
    logical_id: str
    type: str
    replacement: bool = False
    properties: tuple[str, ...] = ()
    stays: bool = False

    @property
    def text(self) -> str:
        """The change in words."""
        verb = {"Add": "makes", "Import": "adopts", "Remove": "lets go of" if self.stays else "removes"}.get(self.action, "changes")
        verb = "replaces" if self.replacement else verb
        which = f": {', '.join(self.properties)}" if self.properties else ""
        return f"{verb} {self.logical_id} ({self.type.removeprefix('AWS::')}){which}"


@dataclass(frozen=True)
class ChangeSet:
    """What a template would change of a stack. `types` are the kinds of resources that it has afterwards, each as often as it has them."""

    stack_name: str
    id: str
    creates: bool
    changes: tuple[Change, ...]
    types: tuple[str, ...]


def describe(name: str, settings: Settings) -> dict[str, Any] | None:
    """The stack, or None."""
    try:
        found: dict[str, Any] = client("cloudformation", settings).describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error_code(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return found


def exists(name: str, settings: Settings) -> bool:
    """Whether the stack was ever made whole."""
    found = describe(name, settings)
    return found is not None and found["StackStatus"] not in _NEVER_MADE


def outputs(name: str, settings: Settings) -> dict[str, str]:
    """A stack's outputs."""
    found = describe(name, settings) or {}
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}


def prepare(template: Template, url: str, parameters: Mapping[str, str], settings: Settings) -> ChangeSet | None:
    """Work out what the template at `url` changes of its stack; None when it changes nothing.

    `parameters` are given where they name one of the template; the others keep the value that they have, or their default.
    What a first attempt left of a stack that was never whole is cleared away before.
    Errors: BootstrapError when the template or a parameter is refused, or the stack can't be changed now.
    """
    service, name = client("cloudformation", settings), template.stack_name
    there = _settled(name, settings)
    kept = {one["ParameterKey"] for one in there["Parameters"]} if there is not None else set()
    given: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    given += [
        {"ParameterKey": key, "UsePreviousValue": True}
        for key in template.document.get("Parameters", {})
        if key in kept and key not in parameters
    ]
    try:
        made = service.create_change_set(
            StackName=name,
            ChangeSetName=f"bootstrap-{uuid.uuid4().hex[:12]}",
            ChangeSetType="CREATE" if there is None else "UPDATE",
            TemplateURL=url,
            Parameters=given,
            Capabilities=list(CAPABILITIES),
            Tags=tag_list(settings),
            ImportExistingResources=True,
            **({"RoleARN": settings.deployment_role_arn} if settings.deployment_role_arn else {}),
        )
    except ClientError as error:
        raise BootstrapError(f"stack {name}: {error.response.get('Error', {}).get('Message', error)}") from error
    return _worked_out(name, made["Id"], there is None, settings)


def _worked_out(name: str, identity: str, creates: bool, settings: Settings) -> ChangeSet | None:
    service = client("cloudformation", settings)
    for pause in pauses(last_seconds=5.0):
        found = service.describe_change_set(ChangeSetName=identity)
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        time.sleep(pause)
    if found["Status"] == "FAILED":
        reason = found.get("StatusReason", "")
        discard(ChangeSet(name, identity, creates, (), ()), settings)
        if any(words in reason for words in _NO_CHANGES):
            return None
        raise BootstrapError(f"stack {name}: {' '.join(reason.split())}")
    pages = service.get_paginator("describe_change_set").paginate(ChangeSetName=identity)
    changes = tuple(_change(one["ResourceChange"]) for page in pages for one in page["Changes"] if one["Type"] == "Resource")
    return ChangeSet(name, identity, creates, changes, _types(name, creates, changes, settings))


def _change(found: Mapping[str, Any]) -> Change:
    names = (detail["Target"].get("Name") for detail in found.get("Details", []) if detail["Target"]["Attribute"] == "Properties")
    return Change(
        found["Action"],
        found["LogicalResourceId"],
        found["ResourceType"],
        found.get("Replacement") == "True",
        tuple(dict.fromkeys(name for name in names if name)),
        found.get("PolicyAction") == "Retain",
    )


def _types(name: str, creates: bool, changes: tuple[Change, ...], settings: Settings) -> tuple[str, ...]:
    new = [change.type for change in changes if change.action in ("Add", "Import")]
    if creates:
        return tuple(new)
    gone = {change.logical_id for change in changes if change.action == "Remove"}
    pages = client("cloudformation", settings).get_paginator("list_stack_resources").paginate(StackName=name)
    there = [one for page in pages for one in page["StackResourceSummaries"] if one["LogicalResourceId"] not in gone]
    return (*(one["ResourceType"] for one in there), *new)


def discard(change_set: ChangeSet, settings: Settings) -> None:
    """Forget a change set, and the stack that was only a place for it."""
    client("cloudformation", settings).delete_change_set(ChangeSetName=change_set.id)
    if change_set.creates:
        delete(change_set.stack_name, settings)


def execute(change_set: ChangeSet, settings: Settings, progress: Progress) -> None:
    """Do what the change set says; returns when the stack is whole.

    Errors: BootstrapError with the first resource that failed and its reason, when the stack rolled back.
    """
    service, name = client("cloudformation", settings), change_set.stack_name
    stack = (describe(name, settings) or {}).get("StackId", name)
    before, wanted = _newest(stack, settings), len(change_set.changes)
    service.execute_change_set(ChangeSetName=change_set.id, ClientRequestToken=uuid.uuid4().hex)

    def tell(events: list[dict[str, Any]]) -> None:
        done = {one["LogicalResourceId"] for one in events if one["ResourceStatus"].endswith("_COMPLETE")} - {name}
        progress(min(len(done), wanted), wanted, f"{events[0]['LogicalResourceId']} {events[0]['ResourceStatus']}")

    status, events = _ended(stack, before, settings, tell)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        raise BootstrapError(f"stack {name}: {status}: {failure(events)}; correct it and run `housing bootstrap` again")


def _ended(
    stack: str, before: str | None, settings: Settings, tell: Callable[[list[dict[str, Any]]], None]
) -> tuple[str, list[dict[str, Any]]]:
    """Wait until the operation that was begun after an event has ended: its status, and its events, newest first.

    The stack's own status won't do: just after the beginning it may still be that of the operation before.
    """
    waits = pauses(last_seconds=5.0)
    while True:
        events = _events(stack, before, settings)
        if events:
            tell(events)
        own = _own(events)
        if own and not own[0].endswith("_IN_PROGRESS"):
            return own[0], events
        time.sleep(next(waits))


def _own(events: list[dict[str, Any]]) -> list[str]:
    """What became of the stack itself, newest first."""
    return [one["ResourceStatus"] for one in events if one.get("PhysicalResourceId") == one["StackId"]]


def _newest(stack: str, settings: Settings) -> str | None:
    """The newest event's id; None when there is none."""
    events = client("cloudformation", settings).describe_stack_events(StackName=stack)["StackEvents"]
    return events[0]["EventId"] if events else None


def _events(stack: str, before: str | None, settings: Settings) -> list[dict[str, Any]]:
    """The events after that one, newest first."""
    found: list[dict[str, Any]] = []
    for page in client("cloudformation", settings).get_paginator("describe_stack_events").paginate(StackName=stack):
        for one in page["StackEvents"]:
            if one["EventId"] == before:
                return found
            found.append(one)
    return found


def failure(events: list[dict[str, Any]]) -> str:
    """The first failure among events that are newest first: what follows from it is cancelled."""
    for one in reversed(events):
        reason = one.get("ResourceStatusReason", "")
        if one["ResourceStatus"].endswith("_FAILED") and reason not in _CANCELLED:
            return f"{one['LogicalResourceId']} ({one['ResourceType']}): {' '.join(reason.split())}"
    return "no resource says why; the console's events have more"


def delete(name: str, settings: Settings) -> bool:
    """Delete a stack and wait until it is gone. False when there was none.

    Errors: BootstrapError when a resource couldn't be removed.
    """
    there = describe(name, settings)
    if there is None:
        return False
    stack = there["StackId"]
    before = _newest(stack, settings)
    client("cloudformation", settings).delete_stack(StackName=name)
    for pause in pauses(last_seconds=5.0):
        if describe(name, settings) is None:
            break
        events = _events(stack, before, settings)
        if "DELETE_FAILED" in _own(events):
            raise BootstrapError(f"stack {name}: DELETE_FAILED: {failure(events)}; remove what is in the way and begin again")
        time.sleep(pause)
    return True


def _settled(name: str, settings: Settings) -> dict[str, Any] | None:
    """The stack when nothing is under way any more; one that was never whole is deleted."""
    until = time.monotonic() + _SETTLE_SECONDS
    for pause in pauses(last_seconds=5.0):
        there = describe(name, settings)
        status = "" if there is None else there["StackStatus"]
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            break
        if time.monotonic() > until:
            raise BootstrapError(f"stack {name}: is {status} for an hour; look at its events in the console")
        time.sleep(pause)
    if status in _NEVER_MADE:
        delete(name, settings)
        return None
    if status == "UPDATE_ROLLBACK_FAILED":
        raise BootstrapError(f"stack {name}: {status}; `aws cloudformation continue-update-rollback --stack-name {name}` ends it")
    return there
