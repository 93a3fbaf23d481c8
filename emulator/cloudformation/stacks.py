"""The operations on stacks: create, update, delete and describe."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from emulator.cloudformation import engine, parameters
from emulator.cloudformation.blueprint import Blueprint, Identity
from emulator.cloudformation.changes import forecast
from emulator.cloudformation.engine import Engine, Restoration
from emulator.cloudformation.intrinsics import TemplateError
from emulator.cloudformation.stack import CHANGE_SET, EVENT, GONE, KIND, RESOURCE, Record, Stack, begin, draft, exported, find, named
from emulator.cloudformation.template import SAM, Source, TransformError, expand, invalid, read
from emulator.context import Context
from emulator.errors import ApiError
from emulator.operations import Answer, Request, operation

NO_UPDATES = "No updates are to be performed."
_SIMULATED = "what of each resource is simulated stands below"
_NAMED_IAM = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
_IAM = (*_NAMED_IAM, "AWS::IAM::Policy")
_PAGE = 100


def prepared(context: Context, request: Request, source: Source, stack: Record) -> Blueprint:
    """The template of a request, expanded and checked, for a stack.

    Raises
    ------
    ApiError
        ValidationError, InsufficientCapabilitiesException.
    TransformError
        When a macro refuses it.
    """
    identity = Identity(context, stack["StackId"], stack["StackName"])
    values = parameters.values_of(source.document, request.get("Parameters", []), stack["Values"])
    document = expand(source, parameters.typed(source.document, values) | identity.pseudo(), context.region)
    blueprint = Blueprint(document, values, identity)
    try:
        blueprint.check()
    except TemplateError as error:
        raise invalid(str(error)) from None
    _check_capabilities(blueprint, source, request.get("Capabilities", []))
    return blueprint


def _check_capabilities(blueprint: Blueprint, source: Source, given: list[str]) -> None:
    resources = [blueprint.document["Resources"][name] for name in blueprint.order()]
    if source.transforms and "CAPABILITY_AUTO_EXPAND" not in given:
        raise ApiError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")
    makes = [one for one in resources if one["Type"] in _IAM]
    names = [one for one in makes if one["Type"] in _NAMED_IAM and {"RoleName", "ManagedPolicyName"} & {*one.get("Properties", {})}]
    if names and "CAPABILITY_NAMED_IAM" not in given:
        raise ApiError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")
    if makes and not {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"} & {*given}:
        raise ApiError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")


def kept(source: Source, blueprint: Blueprint, request: Request) -> dict[str, Any]:
    """What a stack's record remembers of a template."""
    return {
        "Text": source.text,
        "Document": blueprint.document,
        "Values": dict(blueprint.values),
        "Capabilities": request.get("Capabilities", []),
        "Tags": request.get("Tags", []),
        "Description": source.document.get("Description"),
    }


def on_failure(request: Request) -> str:
    """ROLLBACK, DELETE or DO_NOTHING, as a request asks."""
    chosen = request.get("OnFailure", request.get("OnStackFailure", "ROLLBACK"))
    return "DO_NOTHING" if request.get("DisableRollback") else str(chosen)


def expanded(context: Context, request: Request, source: Source, stack: Record) -> Blueprint:
    """As `prepared`, with a macro's refusal as a ValidationError."""
    try:
        return prepared(context, request, source, stack)
    except TransformError as error:
        raise invalid(str(error)) from None


@operation("cloudformation", "CreateStack", simulated=_SIMULATED)
def create_stack(request: Request, context: Context) -> Answer:
    """Make a stack; a failure takes back what was made."""
    name = request["StackName"]
    if find(context, name) is not None:
        raise ApiError("AlreadyExistsException", f"Stack [{name}] already exists")
    source = read(context, request)
    drafted = draft(context, name)
    blueprint = expanded(context, request, source, drafted)
    stack = begin(context, drafted, "CREATE_IN_PROGRESS")
    Stack(context, stack["StackId"]).set("CREATE_IN_PROGRESS", "User Initiated", **kept(source, blueprint, request))
    work = partial(engine.create, blueprint=blueprint, on_failure=on_failure(request), imports=False)
    context.part(Engine).start(stack["StackId"], work)
    return {"StackId": stack["StackId"]}


@operation("cloudformation", "UpdateStack", simulated=_SIMULATED)
def update_stack(request: Request, context: Context) -> Answer:
    """Change what differs; a failure changes it back."""
    record = named(context, request["StackName"])
    must_be_still(record)
    if request.get("UsePreviousTemplate"):
        request = {**request, "TemplateBody": record["Text"]}
    source = read(context, request)
    blueprint = expanded(context, request, source, record)
    stack = Stack(context, record["StackId"])
    if not changes_of(stack, blueprint, imports=False) and not outputs_differ(stack, blueprint):
        raise invalid(NO_UPDATES)
    stack.set("UPDATE_IN_PROGRESS", "User Initiated")
    work = partial(engine.update, blueprint=blueprint, imports=False, **kept(source, blueprint, request))
    context.part(Engine).start(stack.id, work)
    return {"StackId": stack.id}


def changes_of(stack: Stack, blueprint: Blueprint, imports: bool) -> list[Any]:
    """What a template would change.

    Raises
    ------
    ApiError
        ValidationError when it can't be made out.
    """
    try:
        return forecast(stack, blueprint, imports)
    except TemplateError as error:
        raise invalid(str(error)) from None


def outputs_differ(stack: Stack, blueprint: Blueprint) -> bool:
    """Whether nothing but outputs would be other than they are."""
    try:
        outputs: list[dict[str, Any]] = stack.record["Outputs"]
        return blueprint.outputs(stack.scope(blueprint)) != outputs
    except TemplateError as error:
        raise invalid(str(error)) from None


def must_be_still(record: Record) -> None:
    """Refuse a change of a stack that is changing, or that failed to come into being.

    Raises
    ------
    ApiError
        ValidationError with its status.
    """
    status = record["StackStatus"]
    if status.endswith("_IN_PROGRESS") or status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", GONE):
        raise invalid(f"Stack:{record['StackId']} is in {status} state and can not be updated.")


@operation("cloudformation", "DeleteStack")
def delete_stack(request: Request, context: Context) -> Answer:
    """Take everything away, last made first, but what a DeletionPolicy keeps; a stack that isn't there is no error."""
    record = find(context, request["StackName"])
    if record is None or record["StackStatus"] == GONE:
        return {}
    if record["StackStatus"].endswith("_IN_PROGRESS") and record["StackStatus"] != "REVIEW_IN_PROGRESS":
        raise invalid(f"Stack [{record['StackName']}] cannot be deleted while in status {record['StackStatus']}")
    Stack(context, record["StackId"]).set("DELETE_IN_PROGRESS", "User Initiated")
    context.store.delete_children(CHANGE_SET, record["StackId"])
    context.part(Engine).start(record["StackId"], partial(engine.delete, retained=request.get("RetainResources", [])))
    return {}


@operation("cloudformation", "DescribeStacks")
def describe_stacks(request: Request, context: Context) -> Answer:
    """One stack, or all that were not deleted."""
    context.part(Restoration).wait(30)
    if "StackName" in request:
        return {"Stacks": [_described(named(context, request["StackName"]))]}
    records = context.store.list(KIND, where=lambda one: one["StackStatus"] != GONE)
    begin_at = int(request.get("NextToken", 0))
    page = records[begin_at : begin_at + _PAGE]
    return {"Stacks": [_described(one) for one in page], **_next(begin_at + _PAGE, len(records))}


def _described(record: Record) -> dict[str, Any]:
    outputs = [{key: value for key, value in one.items() if value is not None} for one in record["Outputs"]]
    document = record.get("Document") or {}
    return record | {
        "Outputs": outputs,
        "Parameters": parameters.shown(document, record["Values"]),
        "DisableRollback": False,
        "NotificationARNs": [],
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "EnableTerminationProtection": False,
    }


def _next(offset: int, count: int) -> dict[str, str]:
    return {"NextToken": str(offset)} if offset < count else {}


@operation("cloudformation", "ListStacks")
def list_stacks(request: Request, context: Context) -> Answer:
    """Stacks by status, deleted ones too."""
    wanted = request.get("StackStatusFilter")
    records = context.store.list(KIND, where=lambda one: not wanted or one["StackStatus"] in wanted)
    begin_at = int(request.get("NextToken", 0))
    return {"StackSummaries": records[begin_at : begin_at + _PAGE], **_next(begin_at + _PAGE, len(records))}


@operation("cloudformation", "DescribeStackEvents")
def describe_stack_events(request: Request, context: Context) -> Answer:
    """What happened to a stack, newest first."""
    record = named(context, request["StackName"])
    events = context.store.list(EVENT, parent=record["StackId"])[::-1]
    begin_at = int(request.get("NextToken", 0))
    return {"StackEvents": events[begin_at : begin_at + _PAGE], **_next(begin_at + _PAGE, len(events))}


def _resources(context: Context, record: Record) -> list[dict[str, Any]]:
    gone = ("DELETE_COMPLETE", "DELETE_SKIPPED")
    return context.store.list(
        RESOURCE, parent=record["StackId"], where=lambda one: one["Held"] is not None or one["ResourceStatus"] not in gone
    )


@operation("cloudformation", "DescribeStackResources")
def describe_stack_resources(request: Request, context: Context) -> Answer:
    """The resources of a stack, or one of them."""
    record = named(context, request.get("StackName", ""))
    logical = request.get("LogicalResourceId")
    return {"StackResources": [one for one in _resources(context, record) if logical in (None, one["LogicalResourceId"])]}


@operation("cloudformation", "DescribeStackResource")
def describe_stack_resource(request: Request, context: Context) -> Answer:
    """One resource of a stack."""
    record, logical = named(context, request["StackName"]), request["LogicalResourceId"]
    for one in _resources(context, record):
        if one["LogicalResourceId"] == logical:
            return {"StackResourceDetail": one}
    raise invalid(f"Resource {logical} does not exist for stack {record['StackName']}")


@operation("cloudformation", "ListStackResources")
def list_stack_resources(request: Request, context: Context) -> Answer:
    """A page of the resources of a stack."""
    found = _resources(context, named(context, request["StackName"]))
    begin_at = int(request.get("NextToken", 0))
    return {"StackResourceSummaries": found[begin_at : begin_at + _PAGE], **_next(begin_at + _PAGE, len(found))}


@operation("cloudformation", "ListExports")
def list_exports(request: Request, context: Context) -> Answer:  # noqa: ARG001 - the signature of every operation
    """What stacks export to others."""
    records = context.store.list(KIND, where=lambda one: one["StackStatus"] != GONE)
    outputs = [(one, output) for one in records for output in one["Outputs"] if "ExportName" in output]
    names = [{"ExportingStackId": one["StackId"], "Name": output["ExportName"]} for one, output in outputs]
    return {"Exports": [name | {"Value": exported(context, name["Name"])} for name in names]}


@operation("cloudformation", "GetTemplate")
def get_template(request: Request, context: Context) -> Answer:
    """The template as given (Original), or as it was carried out (Processed)."""
    if "ChangeSetName" in request:
        from emulator.cloudformation.change_sets import change_set_of

        record = change_set_of(context, request["ChangeSetName"], request.get("StackName"))
    else:
        record = named(context, request["StackName"])
    body = record["Text"] if request.get("TemplateStage", "Original") == "Original" else json.dumps(record["Document"])
    return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}


@operation("cloudformation", "ValidateTemplate")
def validate_template(request: Request, context: Context) -> Answer:
    """Whether a template can be read, and what it needs; as at AWS, resources are not looked at."""
    source = read(context, request)
    declared = source.document.get("Parameters", {})
    types = [one["Type"] for one in source.document["Resources"].values()]
    needs = ["CAPABILITY_NAMED_IAM"] if any(name in _IAM for name in types) else []
    needs += ["CAPABILITY_AUTO_EXPAND"] if SAM in source.transforms else []
    shown = [
        {
            "ParameterKey": name,
            "DefaultValue": str(one["Default"]) if "Default" in one else None,
            "NoEcho": bool(one.get("NoEcho")),
            "Description": one.get("Description"),
        }
        for name, one in declared.items()
    ]
    capabilities = {"Capabilities": needs, "CapabilitiesReason": "resources and transforms"} if needs else {}
    return {"Parameters": shown, "Description": source.document.get("Description"), "DeclaredTransforms": source.transforms, **capabilities}
