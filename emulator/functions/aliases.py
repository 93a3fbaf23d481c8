"""The operations on aliases: a name for a version, or for two that share the calls."""

from __future__ import annotations

import re
import uuid
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.reference import ALIAS, LATEST, VERSION, absent, arn, latest_of
from emulator.operations import Answer, Request, operation
from emulator.store import RecordExistsError

_NAME = re.compile(r"(?!^\d+$)[A-Za-z0-9_-]+")


@operation("lambda", "CreateAlias")
def create_alias(request: Request, context: Context) -> Answer:
    """Name a version."""
    function, alias = latest_of(context, request["FunctionName"]), request["Name"]
    name = function["FunctionName"]
    if not _NAME.fullmatch(alias):
        raise ApiError("ValidationException", f"{alias!r}: an alias has letters, digits, - and _, and is not a number alone.")
    record = {
        "AliasArn": arn(context, name, alias),
        "Name": alias,
        "Description": request.get("Description", ""),
        **_routed(context, name, request["FunctionVersion"], request.get("RoutingConfig")),
        "RevisionId": str(uuid.uuid4()),
    }
    try:
        context.store.add(ALIAS, f"{name}:{alias}", record, parent=name)
    except RecordExistsError:
        raise ApiError("ResourceConflictException", f"Alias already exists: {record['AliasArn']}", 409) from None
    return record


@operation("lambda", "GetAlias")
def get_alias(request: Request, context: Context) -> Answer:
    """An alias with the version behind it."""
    return _alias(context, request)


@operation("lambda", "UpdateAlias")
def update_alias(request: Request, context: Context) -> Answer:
    """Point an alias to another version, or share its calls between two."""
    alias, name = _alias(context, request), latest_of(context, request["FunctionName"])["FunctionName"]
    if request.get("RevisionId", alias["RevisionId"]) != alias["RevisionId"]:
        raise ApiError("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.", 412)
    routing = request.get("RoutingConfig", alias.get("RoutingConfig"))
    changed = _routed(context, name, request.get("FunctionVersion", alias["FunctionVersion"]), routing)
    changed |= {key: request[key] for key in ("Description",) if key in request}
    record = context.store.update(ALIAS, f"{name}:{alias['Name']}", changed | {"RevisionId": str(uuid.uuid4())})
    if record is None:
        raise absent(context, name, alias["Name"])
    return record


@operation("lambda", "DeleteAlias")
def delete_alias(request: Request, context: Context) -> Answer:
    """Forget an alias; one that doesn't exist is no error."""
    name = latest_of(context, request["FunctionName"])["FunctionName"]
    context.store.delete(ALIAS, f"{name}:{request['Name']}")
    return {}


@operation("lambda", "ListAliases")
def list_aliases(request: Request, context: Context) -> Answer:
    """The aliases of a function, or those of one version."""
    name = latest_of(context, request["FunctionName"])["FunctionName"]
    version = request.get("FunctionVersion")
    found = context.store.list(ALIAS, parent=name, where=lambda alias: version in (None, alias["FunctionVersion"]))
    begin = int(request.get("Marker", 0))
    end = begin + request.get("MaxItems", 50)
    return {"Aliases": found[begin:end], "NextMarker": str(end) if end < len(found) else None}


def _alias(context: Context, request: Request) -> dict[str, Any]:
    name = latest_of(context, request["FunctionName"])["FunctionName"]
    record = context.store.get(ALIAS, f"{name}:{request['Name']}")
    if record is None:
        raise ApiError("ResourceNotFoundException", f"Cannot find alias arn: {arn(context, name, request['Name'])}", 404, {"Type": "User"})
    return record


def _routed(context: Context, name: str, version: str, routing: dict[str, Any] | None) -> dict[str, Any]:
    """The alias's version and its routing, both checked."""
    weights = (routing or {}).get("AdditionalVersionWeights", {})
    for number in (version, *weights):
        if number != LATEST and context.store.get(VERSION, f"{name}:{number}") is None:
            raise absent(context, name, number)
    if len(weights) > 1 or any(not 0 <= share <= 1 for share in weights.values()) or version in weights:
        message = "RoutingConfig has at most one other version, with a weight between 0 and 1."
        raise ApiError("InvalidParameterValueException", message)
    if weights and LATEST in (version, *weights):
        raise ApiError("InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version")
    return {"FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights} if weights else {}}
