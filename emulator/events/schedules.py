"""The operations of EventBridge Scheduler, in the default group."""

from __future__ import annotations

import time
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.events.delivery import check
from emulator.events.expressions import next_time
from emulator.events.timer import SCHEDULE, Timer, moment
from emulator.operations import Answer, Request, operation
from emulator.store import RecordExistsError


def _key(request: Request) -> str:
    group = request.get("GroupName", "default")
    if group != "default":
        raise ApiError(
            "ResourceNotFoundException", f"Schedule group {group} does not exist: this emulator has the default group only.", 404
        )
    return str(request["Name"])


def _schedule(context: Context, request: Request) -> dict[str, Any]:
    record = context.store.get(SCHEDULE, _key(request))
    if record is None:
        raise ApiError("ResourceNotFoundException", f"Schedule {request['Name']} does not exist.", 404)
    return record


def _record(context: Context, request: Request) -> dict[str, Any]:
    now = time.time()
    next_time(request["ScheduleExpression"], moment(now), request.get("ScheduleExpressionTimezone", "UTC"))
    check(request["Target"])
    return {
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        **request,
        "Key": _key(request),
        "GroupName": "default",
        "Arn": context.arn(f"schedule/default/{request['Name']}", "scheduler"),
        "Created": now,
        "CreationDate": now,
        "LastModificationDate": now,
    }


@operation("scheduler", "CreateSchedule")
def create_schedule(request: Request, context: Context) -> Answer:
    """Record a schedule; it fires from now on."""
    record = _record(context, request)
    try:
        context.store.add(SCHEDULE, record["Key"], record)
    except RecordExistsError:
        raise ApiError("ConflictException", f"Schedule {request['Name']} already exists.", 409) from None
    context.part(Timer).changed()
    return {"ScheduleArn": record["Arn"]}


@operation("scheduler", "GetSchedule")
def get_schedule(request: Request, context: Context) -> Answer:
    """The schedule as given."""
    return _schedule(context, request)


@operation("scheduler", "UpdateSchedule")
def update_schedule(request: Request, context: Context) -> Answer:
    """Replace a schedule: what the request leaves out is left out."""
    old = _schedule(context, request)
    record = _record(context, request) | {"CreationDate": old["CreationDate"]}
    context.store.put(SCHEDULE, record["Key"], record)
    context.part(Timer).changed()
    return {"ScheduleArn": record["Arn"]}


@operation("scheduler", "DeleteSchedule")
def delete_schedule(request: Request, context: Context) -> Answer:
    """Remove a schedule."""
    context.store.delete(SCHEDULE, _schedule(context, request)["Key"])
    context.part(Timer).changed()
    return {}


@operation("scheduler", "ListSchedules")
def list_schedules(request: Request, context: Context) -> Answer:
    """The schedules whose names begin with the prefix."""
    prefix, state = request.get("NamePrefix", ""), request.get("State")
    found = context.store.list(SCHEDULE, where=lambda one: one["Name"].startswith(prefix) and state in (None, one["State"]))
    return {"Schedules": [{**one, "Target": {"Arn": one["Target"]["Arn"]}} for one in found]}
