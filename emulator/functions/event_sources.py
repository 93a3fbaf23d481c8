"""The operations on event source mappings: a queue whose messages a function gets in batches."""

from __future__ import annotations

import time
import uuid
from typing import Any

from botocore.exceptions import ClientError

from emulator.clients import Clients
from emulator.context import Context
from emulator.errors import ApiError
from emulator.events import patterns
from emulator.functions.poller import KIND, Pollers
from emulator.functions.reference import function_of, split
from emulator.operations import Answer, Request, at_start, operation
from emulator.queues import url_of

_CHANGEABLE = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "FunctionResponseTypes",
    "ScalingConfig",
)


@at_start
def resume(context: Context) -> None:
    """Poll for the mappings that are there."""
    context.part(Pollers).changed()


@operation("lambda", "CreateEventSourceMapping")
def create_event_source_mapping(request: Request, context: Context) -> Answer:
    """Let a function work a queue off: batches, window, filters, partial failures; failed messages come back by the queue's own rules."""
    source = request.get("EventSourceArn", "")
    if source.split(":")[2:3] != ["sqs"]:
        raise _invalid(f"EventSourceArn {source!r}: this emulator polls SQS queues only.")
    function = function_of(context, request["FunctionName"])
    if _same(context, source, function["FunctionArn"]):
        message = f"An event source mapping with event source arn ({source}) and function ({function['FunctionName']}) already exists."
        raise ApiError("ResourceConflictException", message, 409, {"Type": "User"})
    identity = str(uuid.uuid4())
    record = {
        "UUID": identity,
        "EventSourceArn": source,
        "FunctionArn": function["FunctionArn"],
        "EventSourceMappingArn": context.arn(f"event-source-mapping:{identity}", "lambda"),
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "StateTransitionReason": "USER_INITIATED",
        **{key: request[key] for key in _CHANGEABLE if key in request},
        **_state(request.get("Enabled", True)),
    }
    _check(context, record)
    context.store.add(KIND, identity, record)
    context.part(Pollers).changed()
    return record


@operation("lambda", "GetEventSourceMapping")
def get_event_source_mapping(request: Request, context: Context) -> Answer:
    """One mapping with its state."""
    return _mapping(context, request)


@operation("lambda", "ListEventSourceMappings")
def list_event_source_mappings(request: Request, context: Context) -> Answer:
    """The mappings of a function or a queue."""
    source, function = request.get("EventSourceArn"), request.get("FunctionName")
    name = split(function)[0] if function else None
    found = context.store.list(
        KIND,
        where=lambda one: source in (None, one["EventSourceArn"]) and name in (None, split(one["FunctionArn"])[0]),
    )
    begin = int(request.get("Marker", 0))
    end = begin + request.get("MaxItems", 100)
    return {"EventSourceMappings": found[begin:end], "NextMarker": str(end) if end < len(found) else None}


@operation("lambda", "UpdateEventSourceMapping")
def update_event_source_mapping(request: Request, context: Context) -> Answer:
    """Change a mapping, or stop and resume it with Enabled."""
    record = _mapping(context, request)
    changed = {key: request[key] for key in _CHANGEABLE if key in request}
    if "FunctionName" in request:
        changed["FunctionArn"] = function_of(context, request["FunctionName"])["FunctionArn"]
    enabled = request.get("Enabled", record["State"] == "Enabled")
    _check(context, record | changed)
    updated = context.store.update(KIND, record["UUID"], {**changed, **_state(enabled)})
    context.part(Pollers).changed()
    return updated or record


@operation("lambda", "DeleteEventSourceMapping")
def delete_event_source_mapping(request: Request, context: Context) -> Answer:
    """Stop polling and forget the mapping."""
    record = _mapping(context, request)
    context.store.delete(KIND, record["UUID"])
    context.part(Pollers).changed()
    return record | {"State": "Deleting"}


def _mapping(context: Context, request: Request) -> dict[str, Any]:
    record = context.store.get(KIND, request["UUID"])
    if record is None:
        raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404, {"Type": "User"})
    return record


def _same(context: Context, source: str, function: str) -> bool:
    return bool(context.store.list(KIND, where=lambda one: (one["EventSourceArn"], one["FunctionArn"]) == (source, function)))


def _check(context: Context, record: dict[str, Any]) -> None:
    """Refuse what the service refuses: an absent queue, a visibility below the function's timeout, a large batch without a window."""
    try:
        url = url_of(context, record["EventSourceArn"])
        found = context.part(Clients).get("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    except ClientError:
        raise _invalid(f"Error occurred while ReceiveMessage. The queue {record['EventSourceArn']} does not exist.") from None
    visibility = int(found["Attributes"]["VisibilityTimeout"])
    timeout = function_of(context, record["FunctionArn"])["Timeout"]
    if visibility < timeout:
        raise _invalid(f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds")
    if record["BatchSize"] > 10 and not record["MaximumBatchingWindowInSeconds"]:
        raise _invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
    for filter_ in record.get("FilterCriteria", {}).get("Filters", []):
        patterns.parse(filter_["Pattern"])


def _state(enabled: bool) -> dict[str, Any]:
    return {"State": "Enabled" if enabled else "Disabled", "LastModified": time.time()}


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message, 400, {"Type": "User"})
