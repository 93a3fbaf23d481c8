"""The operations on published versions: a function's code and settings under a number, never changed again."""

from __future__ import annotations

from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.reference import LATEST, VERSION, arn, latest_of
from emulator.operations import Answer, Request, operation

_OF_THE_VERSION = ("Version", "FunctionArn", "RevisionId", "LastModified", "Description", "Tags", "Reserved")


def publish(context: Context, function: dict[str, Any], description: str | None = None) -> dict[str, Any]:
    """The newest version of a function when it is the function as it is now, else one more."""
    name = function["FunctionName"]
    versions = context.store.list(VERSION, parent=name)
    if versions and _content(versions[-1]) == _content(function):
        return versions[-1]
    number = str(context.store.next_number(f"function-version/{name}"))
    record = function | {"Version": number, "FunctionArn": arn(context, name, number)}
    if description is not None:
        record["Description"] = description
    context.store.add(VERSION, f"{name}:{number}", record, parent=name)
    return record


def _content(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _OF_THE_VERSION}


@operation("lambda", "PublishVersion")
def publish_version(request: Request, context: Context) -> Answer:
    """Keep the function as it is under the next number; unchanged since the last one, that is the answer."""
    function = latest_of(context, request["FunctionName"])
    if request.get("CodeSha256", function["CodeSha256"]) != function["CodeSha256"]:
        raise ApiError("InvalidParameterValueException", f"CodeSHA256 ({request['CodeSha256']}) is different from current CodeSHA256.")
    if request.get("RevisionId", function["RevisionId"]) != function["RevisionId"]:
        raise ApiError("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.", 412)
    return publish(context, function, request.get("Description"))


@operation("lambda", "ListVersionsByFunction")
def list_versions_by_function(request: Request, context: Context) -> Answer:
    """The function as it is, then its versions by number."""
    function = latest_of(context, request["FunctionName"])
    name = function["FunctionName"]
    latest = function | {"FunctionArn": arn(context, name, LATEST)}
    records = [latest, *context.store.list(VERSION, parent=name)]
    begin = int(request.get("Marker", 0))
    end = begin + request.get("MaxItems", 50)
    return {"Versions": records[begin:end], "NextMarker": str(end) if end < len(records) else None}
