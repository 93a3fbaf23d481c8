"""The operations on a function's resource policy: who may invoke it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.reference import LATEST, function_of, split
from emulator.operations import Answer, Request, operation

KIND = "function-policy"
_ONLY_RECORDED = "recorded, not enforced: whoever reaches the emulator may invoke"


@operation("lambda", "AddPermission", simulated=_ONLY_RECORDED)
def add_permission(request: Request, context: Context) -> Answer:
    """Add a statement to the policy of a function, version or alias."""
    function = function_of(context, request["FunctionName"], request.get("Qualifier"))
    key, policy = _key(request), _policy(context, request)
    if any(statement["Sid"] == request["StatementId"] for statement in policy["Statement"]):
        message = f"The statement id ({request['StatementId']}) provided already exists. Please provide a new statement id, or remove it."
        raise ApiError("ResourceConflictException", message, 409, {"Type": "User"})
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": principal} if principal.endswith(".amazonaws.com") else "*" if principal == "*" else {"AWS": principal},
        "Action": request["Action"],
        "Resource": function["FunctionArn"],
    }
    condition: dict[str, Any] = {}
    if "SourceArn" in request:
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if "SourceAccount" in request:
        condition["StringEquals"] = {"AWS:SourceAccount": request["SourceAccount"]}
    statement |= {"Condition": condition} if condition else {}
    _write(context, key, [*policy["Statement"], statement], function["FunctionName"])
    return {"Statement": json.dumps(statement)}


@operation("lambda", "RemovePermission")
def remove_permission(request: Request, context: Context) -> Answer:
    """Take a statement out of the policy."""
    function = function_of(context, request["FunctionName"], request.get("Qualifier"))
    statements = _policy(context, request)["Statement"]
    kept = [statement for statement in statements if statement["Sid"] != request["StatementId"]]
    if len(kept) == len(statements):
        raise ApiError("ResourceNotFoundException", f"Statement {request['StatementId']} is not found in resource policy.", 404)
    _write(context, _key(request), kept, function["FunctionName"])
    return {}


@operation("lambda", "GetPolicy")
def get_policy(request: Request, context: Context) -> Answer:
    """The policy of a function, version or alias."""
    function_of(context, request["FunctionName"], request.get("Qualifier"))
    policy = _policy(context, request)
    if not policy["Statement"]:
        raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404, {"Type": "User"})
    return {"Policy": json.dumps(policy["Policy"] | {"Statement": policy["Statement"]}), "RevisionId": policy["RevisionId"]}


def _key(request: Request) -> str:
    name, qualifier = split(request["FunctionName"], request.get("Qualifier"))
    return f"{name}:{qualifier or LATEST}"


def _policy(context: Context, request: Request) -> dict[str, Any]:
    empty = {"Policy": {"Version": "2012-10-17", "Id": "default"}, "Statement": [], "RevisionId": ""}
    return context.store.get(KIND, _key(request)) or empty


def _write(context: Context, key: str, statements: list[Any], function: str) -> None:
    record = {"Policy": {"Version": "2012-10-17", "Id": "default"}, "Statement": statements, "RevisionId": str(uuid.uuid4())}
    context.store.put(KIND, key, record, parent=function)
