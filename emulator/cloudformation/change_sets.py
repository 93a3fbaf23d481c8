"""The operations on change sets: what a template would do to a stack, shown first and then done."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import Any

from emulator.cloudformation import engine, parameters
from emulator.cloudformation.blueprint import Blueprint
from emulator.cloudformation.engine import Engine, Restoration
from emulator.cloudformation.stack import CHANGE_SET, GONE, Record, Stack, begin, draft, find, named
from emulator.cloudformation.stacks import changes_of, kept, must_be_still, on_failure, outputs_differ, prepared
from emulator.cloudformation.template import TransformError, invalid, read
from emulator.context import Context
from emulator.errors import ApiError
from emulator.operations import Answer, Request, operation

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_SIMULATED = "what of each resource is simulated stands below; IMPORT is known by ImportExistingResources alone"


@operation("cloudformation", "CreateChangeSet", simulated=_SIMULATED)
def create_change_set(request: Request, context: Context) -> Answer:
    """Work out what a template would change; of a new stack the record is made, in review."""
    context.part(Restoration).wait(30)
    kind = request.get("ChangeSetType", "UPDATE")
    if kind not in ("CREATE", "UPDATE"):
        raise invalid(f"ChangeSetType {kind} is not implemented by this emulator: use ImportExistingResources")
    stack = _stack(context, request["StackName"], kind)
    if request.get("UsePreviousTemplate"):
        request = {**request, "TemplateBody": stack["Text"]}
    source = read(context, request)
    name = request["ChangeSetName"]
    identity = context.arn(f"changeSet/{name}/{uuid.uuid4()}", "cloudformation")
    if context.store.list(CHANGE_SET, parent=stack.get("StackId", ""), where=lambda one: one["ChangeSetName"] == name):
        raise ApiError("AlreadyExistsException", f"ChangeSet {name} cannot be created due to a mismatch with existing attribute Name")
    found = prepared_or_failed(context, request, source, stack)
    if "CreationTime" not in stack:
        stack = begin(context, stack, "REVIEW_IN_PROGRESS")
    record = _record(identity, kind, stack, request) | {"Text": source.text, "Document": source.document}
    if isinstance(found, Blueprint):
        record |= _worked_out(Stack(context, stack["StackId"]), found, record["Imports"])
        record |= {"Kept": kept(source, found, request), "Values": dict(found.values), "Document": found.document}
    else:
        record |= {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": found}
    context.store.add(CHANGE_SET, identity, record, parent=stack["StackId"])
    return {"Id": identity, "StackId": stack["StackId"]}


def _record(identity: str, kind: str, stack: Record, request: Request) -> Record:
    """A change set before it is known what it changes."""
    return {
        "ChangeSetName": request["ChangeSetName"],
        "ChangeSetId": identity,
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "CreationTime": time.time(),
        "ChangeSetType": kind,
        "Imports": bool(request.get("ImportExistingResources")),
        "OnFailure": on_failure(request),
        "Kept": {},
        "Changes": [],
        "Values": {},
        "Capabilities": request.get("Capabilities", []),
        "Tags": request.get("Tags", []),
    }


def prepared_or_failed(context: Context, request: Request, source: Any, stack: Record) -> Blueprint | str:
    """The blueprint, or why a macro refused the template: that makes a failed change set, not a refused request."""
    try:
        return prepared(context, request, source, stack)
    except TransformError as error:
        return str(error)


def _stack(context: Context, name: str, kind: str) -> Record:
    """The stack that a change set is for; a draft of one that will be."""
    found = find(context, name)
    if kind == "UPDATE":
        found = named(context, name)
        if found["StackStatus"] == "REVIEW_IN_PROGRESS":
            raise invalid(f"Stack [{name}] does not exist")
        must_be_still(found)
        return found
    if found is not None and found["StackStatus"] not in ("REVIEW_IN_PROGRESS", GONE):
        raise invalid(f"Stack [{name}] already exists and cannot be created again with the changeSet [].")
    return found if found is not None and found["StackStatus"] != GONE else draft(context, name)


def _worked_out(stack: Stack, blueprint: Blueprint, imports: bool) -> dict[str, Any]:
    changes = changes_of(stack, blueprint, imports)
    if not changes and (not stack.held or not outputs_differ(stack, blueprint)):
        return {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": NO_CHANGES}
    return {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": [change.as_answer() for change in changes]}


def change_set_of(context: Context, name: str, stack_name: str | None) -> Record:
    """A change set by its id, or by name and stack.

    Raises
    ------
    ApiError
        ChangeSetNotFound.
    """
    if name.startswith("arn:"):
        found = context.store.get(CHANGE_SET, name)
    else:
        if stack_name is None:
            raise invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
        stack = find(context, stack_name)
        sets = (
            [] if stack is None else context.store.list(CHANGE_SET, parent=stack["StackId"], where=lambda one: one["ChangeSetName"] == name)
        )
        found = sets[-1] if sets else None
    if found is None:
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
    return found


@operation("cloudformation", "DescribeChangeSet")
def describe_change_set(request: Request, context: Context) -> Answer:
    """What a change set would do."""
    record = change_set_of(context, request["ChangeSetName"], request.get("StackName"))
    return record | {"Parameters": parameters.shown(record["Document"], record["Values"]), "NotificationARNs": []}


@operation("cloudformation", "ListChangeSets")
def list_change_sets(request: Request, context: Context) -> Answer:
    """The change sets of a stack."""
    stack = named(context, request["StackName"])
    return {"Summaries": context.store.list(CHANGE_SET, parent=stack["StackId"])}


@operation("cloudformation", "DeleteChangeSet")
def delete_change_set(request: Request, context: Context) -> Answer:
    """Forget a change set; one that isn't there is no error."""
    try:
        record = change_set_of(context, request["ChangeSetName"], request.get("StackName"))
    except ApiError:
        return {}
    context.store.delete(CHANGE_SET, record["ChangeSetId"])
    return {}


@operation("cloudformation", "ExecuteChangeSet", simulated=_SIMULATED)
def execute_change_set(request: Request, context: Context) -> Answer:
    """Do what a change set says; a failure is taken back."""
    record = change_set_of(context, request["ChangeSetName"], request.get("StackName"))
    if record["ExecutionStatus"] != "AVAILABLE":
        message = f"ChangeSet [{record['ChangeSetId']}] cannot be executed in its current status of [{record['Status']}]"
        raise ApiError("InvalidChangeSetStatus", message)
    stack = Stack(context, record["StackId"])
    blueprint = Blueprint(record["Document"], record["Values"], stack.identity)
    context.store.delete_children(CHANGE_SET, stack.id)
    context.store.add(CHANGE_SET, record["ChangeSetId"], record | {"ExecutionStatus": "EXECUTE_COMPLETE"}, parent=stack.id)
    if stack.record["StackStatus"] == "REVIEW_IN_PROGRESS":
        stack.set("CREATE_IN_PROGRESS", "User Initiated", **record["Kept"], ChangeSetId=record["ChangeSetId"])
        failure = "DO_NOTHING" if request.get("DisableRollback") else record["OnFailure"]
        work = partial(engine.create, blueprint=blueprint, on_failure=failure, imports=record["Imports"])
    else:
        must_be_still(stack.record)
        stack.set("UPDATE_IN_PROGRESS", "User Initiated", ChangeSetId=record["ChangeSetId"])
        work = partial(engine.update, blueprint=blueprint, imports=record["Imports"], **record["Kept"])
    context.part(Engine).start(stack.id, work)
    return {}
