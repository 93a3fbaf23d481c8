"""The operations on rules and their targets, and PutEvents."""

from __future__ import annotations

import json
import time
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.events import patterns
from emulator.events.bus import KIND, Bus
from emulator.events.delivery import check
from emulator.events.expressions import next_time
from emulator.events.timer import Timer, moment
from emulator.operations import Answer, Request, operation

_MAX_TARGETS = 5
_SHOWN = ("Name", "Arn", "EventPattern", "ScheduleExpression", "State", "Description", "RoleArn", "EventBusName")


def _rule(context: Context, request: Request, field: str = "Name") -> dict[str, Any]:
    _default_bus(request)
    record = context.store.get(KIND, request[field])
    if record is None:
        raise ApiError("ResourceNotFoundException", f"Rule {request[field]} does not exist on EventBus default.")
    return record


def _default_bus(request: Request) -> None:
    bus = request.get("EventBusName", "default")
    if bus.rpartition("/")[2] != "default":
        raise ApiError("ResourceNotFoundException", f"Event bus {bus} does not exist: this emulator has the default bus only.")


@operation("events", "PutRule")
def put_rule(request: Request, context: Context) -> Answer:
    """Make or replace a rule; its targets stay."""
    _default_bus(request)
    if "EventPattern" not in request and "ScheduleExpression" not in request:
        raise ApiError("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if "EventPattern" in request:
        patterns.parse(request["EventPattern"])
    now = time.time()
    if "ScheduleExpression" in request:
        next_time(request["ScheduleExpression"], moment(now))
    old = context.store.get(KIND, request["Name"]) or {}
    arn = context.arn(f"rule/{request['Name']}", "events")
    record = {"State": "ENABLED", **request, "Arn": arn, "EventBusName": "default", "Targets": old.get("Targets", []), "Created": now}
    context.store.put(KIND, request["Name"], record)
    context.part(Timer).changed()
    return {"RuleArn": arn}


@operation("events", "DescribeRule")
def describe_rule(request: Request, context: Context) -> Answer:
    """A rule without its targets."""
    return _rule(context, request)


@operation("events", "ListRules")
def list_rules(request: Request, context: Context) -> Answer:
    """The rules whose names begin with the prefix."""
    _default_bus(request)
    prefix = request.get("NamePrefix", "")
    found = context.store.list(KIND, where=lambda rule: rule["Name"].startswith(prefix))
    return {"Rules": [{key: rule[key] for key in _SHOWN if key in rule} for rule in found]}


@operation("events", "DeleteRule")
def delete_rule(request: Request, context: Context) -> Answer:
    """Remove a rule that has no targets; one that doesn't exist is no error."""
    _default_bus(request)
    record = context.store.get(KIND, request["Name"])
    if record is not None and record["Targets"]:
        raise ApiError("ValidationException", "Rule can't be deleted since it has targets.")
    context.store.delete(KIND, request["Name"])
    context.part(Timer).changed()
    return {}


@operation("events", "EnableRule")
def enable_rule(request: Request, context: Context) -> Answer:
    """Let a rule work."""
    return _set_state(request, context, "ENABLED")


@operation("events", "DisableRule")
def disable_rule(request: Request, context: Context) -> Answer:
    """Stop a rule from working."""
    return _set_state(request, context, "DISABLED")


def _set_state(request: Request, context: Context, state: str) -> Answer:
    context.store.update(KIND, _rule(context, request)["Name"], {"State": state})
    context.part(Timer).changed()
    return {}


@operation("events", "PutTargets")
def put_targets(request: Request, context: Context) -> Answer:
    """Add targets to a rule, or replace those of the same id."""
    rule = _rule(context, request, "Rule")
    for target in request["Targets"]:
        check(target)
    targets = {target["Id"]: target for target in [*rule["Targets"], *request["Targets"]]}
    if len(targets) > _MAX_TARGETS:
        raise ApiError(
            "LimitExceededException", f"The requested resource exceeds the maximum number allowed: {_MAX_TARGETS} targets per rule."
        )
    context.store.update(KIND, rule["Name"], {"Targets": list(targets.values())})
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("events", "RemoveTargets")
def remove_targets(request: Request, context: Context) -> Answer:
    """Take targets from a rule by id."""
    rule = _rule(context, request, "Rule")
    kept = [target for target in rule["Targets"] if target["Id"] not in request["Ids"]]
    context.store.update(KIND, rule["Name"], {"Targets": kept})
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("events", "ListTargetsByRule")
def list_targets_by_rule(request: Request, context: Context) -> Answer:
    """The targets of a rule."""
    return {"Targets": _rule(context, request, "Rule")["Targets"]}


@operation("events", "PutEvents")
def put_events(request: Request, context: Context) -> Answer:
    """Publish events; an entry that is not valid fails alone."""
    entries = [_publish(entry, context) for entry in request["Entries"]]
    return {"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries}


def _publish(entry: dict[str, Any], context: Context) -> dict[str, Any]:
    for field in ("Source", "DetailType", "Detail"):
        if field not in entry:
            return {
                "ErrorCode": "InvalidArgument",
                "ErrorMessage": f"Parameter {field} is not valid. Reason: {field} is a required argument.",
            }
    try:
        _default_bus(entry)
        detail = json.loads(entry["Detail"])
    except ApiError as error:
        return {"ErrorCode": error.code, "ErrorMessage": error.message}
    except ValueError:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return {"EventId": context.part(Bus).publish(entry["Source"], entry["DetailType"], detail, entry.get("Resources", []))}
