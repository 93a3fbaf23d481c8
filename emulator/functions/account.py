"""The operations on tags, reserved concurrency, and the account's limits."""

from __future__ import annotations

from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.reference import KIND, latest_of
from emulator.functions.workers import MAX_WORKERS
from emulator.operations import Answer, Request, operation

ACCOUNT_CONCURRENCY = 1000
UNRESERVED_CONCURRENCY = 100
"""What reservations must leave to the functions without one."""


@operation("lambda", "TagResource")
def tag_resource(request: Request, context: Context) -> Answer:
    """Add or overwrite tags of a function."""
    function = latest_of(context, request["Resource"])
    context.store.update(KIND, function["FunctionName"], lambda record: {"Tags": record["Tags"] | request["Tags"]})
    return {}


@operation("lambda", "UntagResource")
def untag_resource(request: Request, context: Context) -> Answer:
    """Remove tags of a function by key."""
    function = latest_of(context, request["Resource"])
    kept = {key: value for key, value in function["Tags"].items() if key not in request["TagKeys"]}
    context.store.update(KIND, function["FunctionName"], {"Tags": kept})
    return {}


@operation("lambda", "ListTags")
def list_tags(request: Request, context: Context) -> Answer:
    """The tags of a function."""
    return {"Tags": latest_of(context, request["Resource"])["Tags"]}


@operation("lambda", "PutFunctionConcurrency")
def put_function_concurrency(request: Request, context: Context) -> Answer:
    """Reserve concurrency: more invocations at once than this are throttled."""
    name, reserved = latest_of(context, request["FunctionName"])["FunctionName"], request["ReservedConcurrentExecutions"]
    others = context.store.list(KIND, where=lambda record: record["FunctionName"] != name)
    if ACCOUNT_CONCURRENCY - reserved - sum(record.get("Reserved") or 0 for record in others) < UNRESERVED_CONCURRENCY:
        message = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum "
        raise ApiError("InvalidParameterValueException", f"{message}value of [{UNRESERVED_CONCURRENCY}].")
    context.store.update(KIND, name, {"Reserved": reserved})
    return {"ReservedConcurrentExecutions": reserved}


@operation("lambda", "GetFunctionConcurrency")
def get_function_concurrency(request: Request, context: Context) -> Answer:
    """The reserved concurrency, if any."""
    return {"ReservedConcurrentExecutions": latest_of(context, request["FunctionName"]).get("Reserved")}


@operation("lambda", "DeleteFunctionConcurrency")
def delete_function_concurrency(request: Request, context: Context) -> Answer:
    """Give up the reserved concurrency."""
    context.store.update(KIND, latest_of(context, request["FunctionName"])["FunctionName"], {"Reserved": None})
    return {}


@operation("lambda", "GetAccountSettings", simulated=f"the limits are AWS's defaults; of one function {MAX_WORKERS} workers run at most")
def get_account_settings(request: Request, context: Context) -> Answer:  # noqa: ARG001 - the signature of every operation
    """The account's limits and what is used of them."""
    functions = context.store.list(KIND)
    reserved = sum(record.get("Reserved") or 0 for record in functions)
    limit = {
        "TotalCodeSize": 80_530_636_800,
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
        "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reserved,
    }
    used = {"TotalCodeSize": sum(record["CodeSize"] for record in functions), "FunctionCount": len(functions)}
    return {"AccountLimit": limit, "AccountUsage": used}
