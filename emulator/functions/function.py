"""The operations on functions themselves: create, read, change, delete. Invoke is in `invoke`."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions import code as codes
from emulator.functions.reference import ALIAS, KIND, LATEST, VERSION, absent, arn, function_of, latest_of, split
from emulator.functions.versions import publish
from emulator.functions.workers import Workers
from emulator.operations import Answer, Request, operation
from emulator.store import RecordExistsError

RUNTIME = "python3.11"
_BELONGINGS = ("function-policy", "function-invoke-config")
_RESERVED = re.compile(
    r"AWS_(ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|LAMBDA_.*|EXECUTION_ENV)|_HANDLER|LAMBDA_.*"
)
_SETTINGS = (
    "Description",
    "DeadLetterConfig",
    "Environment",
    "KMSKeyArn",
    "TracingConfig",
    "EphemeralStorage",
    "LoggingConfig",
    "VpcConfig",
)


@operation("lambda", "CreateFunction", simulated="the interpreter is the emulator's own, with its packages; memory is not limited")
def create_function(request: Request, context: Context) -> Answer:
    """Record a function and unpack its code; its workers start when it is invoked."""
    name, _ = split(request["FunctionName"])
    _check(request)
    if not request.get("Handler") or not request.get("Runtime"):
        raise _invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    if context.store.get(KIND, name) is not None:
        raise _exists(name)
    code = codes.unpack(context, name, codes.fetch(context, request["Code"]))
    record = {
        "FunctionName": name,
        "FunctionArn": arn(context, name),
        "Runtime": request["Runtime"],
        "Role": request["Role"],
        "Handler": request["Handler"],
        "Timeout": request.get("Timeout", 3),
        "MemorySize": request.get("MemorySize", 128),
        "Description": "",
        "Version": LATEST,
        "PackageType": "Zip",
        "Architectures": request.get("Architectures", ["x86_64"]),
        "EphemeralStorage": {"Size": 512},
        "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Tags": request.get("Tags", {}),
        **{key: request[key] for key in _SETTINGS if key in request},
        **_coded(code),
        **_stamp(),
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise _exists(name) from None
    return publish(context, record) if request.get("Publish") else record


@operation("lambda", "GetFunction")
def get_function(request: Request, context: Context) -> Answer:
    """Configuration, tags, and where the code is."""
    record = function_of(context, request["FunctionName"], request.get("Qualifier"))
    location = {"RepositoryType": "S3", "Location": f"file://{record['Folder']}"}
    reserved = record.get("Reserved")
    concurrency = {"ReservedConcurrentExecutions": reserved} if reserved is not None else None
    return {"Configuration": record, "Code": location, "Tags": record["Tags"] or None, "Concurrency": concurrency}


@operation("lambda", "GetFunctionConfiguration")
def get_function_configuration(request: Request, context: Context) -> Answer:
    """The configuration alone."""
    return function_of(context, request["FunctionName"], request.get("Qualifier"))


@operation("lambda", "ListFunctions")
def list_functions(request: Request, context: Context) -> Answer:
    """A page of functions by name."""
    records = sorted(context.store.list(KIND), key=lambda record: str(record["FunctionName"]))
    after = [record for record in records if record["FunctionName"] > request.get("Marker", "")]
    page = after[: request.get("MaxItems", 50)]
    return {"Functions": page, "NextMarker": page[-1]["FunctionName"] if len(page) < len(after) else None}


@operation("lambda", "UpdateFunctionCode")
def update_function_code(request: Request, context: Context) -> Answer:
    """Replace the code; invocations under way end on the old."""
    record = latest_of(context, request["FunctionName"])
    code = codes.unpack(context, record["FunctionName"], codes.fetch(context, request))
    if request.get("DryRun"):
        return {**record, **_coded(code)}
    changed = _change(context, record["FunctionName"], _coded(code))
    return publish(context, changed) if request.get("Publish") else changed


@operation("lambda", "UpdateFunctionConfiguration")
def update_function_configuration(request: Request, context: Context) -> Answer:
    """Change any setting; the workers are replaced."""
    record = latest_of(context, request["FunctionName"])
    _check(request)
    names = (*_SETTINGS, "Runtime", "Role", "Handler", "Timeout", "MemorySize")
    return _change(context, record["FunctionName"], {key: request[key] for key in names if key in request})


@operation("lambda", "DeleteFunction")
def delete_function(request: Request, context: Context) -> Answer:
    """Stop the workers and forget the function with its versions and aliases, or one version alone."""
    name, qualifier = split(request["FunctionName"], request.get("Qualifier"))
    function_of(context, name)
    store = context.store
    if qualifier is not None:
        _delete_version(context, name, qualifier)
        return {"StatusCode": 204}
    store.delete(KIND, name)
    for kind in (ALIAS, VERSION, *_BELONGINGS):
        store.delete_children(kind, name)
    context.part(Workers).retire(name)
    codes.remove(context, name)
    return {"StatusCode": 204}


def _delete_version(context: Context, name: str, version: str) -> None:
    aliases = context.store.list(ALIAS, parent=name)
    weights = (alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}) for alias in aliases)
    if version == LATEST:
        raise _invalid("$LATEST version cannot be deleted without deleting the function.")
    if version in {alias["FunctionVersion"] for alias in aliases}.union(*weights):
        raise ApiError("ResourceConflictException", f"An alias points to version {version}: point it elsewhere first.", 409)
    context.store.delete(VERSION, f"{name}:{version}")
    context.part(Workers).retire(name, version)


def _change(context: Context, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    record = context.store.update(KIND, name, {**fields, **_stamp()})
    if record is None:
        raise absent(context, name)
    context.part(Workers).retire(name, LATEST)
    return record


def _check(request: Request) -> None:
    runtime = request.get("Runtime", RUNTIME)
    if runtime != RUNTIME:
        raise _invalid(f"Runtime {runtime}: this emulator runs {RUNTIME} only, in its own interpreter and with its own packages.")
    for refused in ("Layers", "FileSystemConfigs", "ImageConfig"):
        if request.get(refused):
            raise _invalid(f"{refused} is not implemented by this emulator: put what the function needs into its zip.")
    if request.get("PackageType", "Zip") != "Zip":
        raise _invalid("PackageType Image is not implemented by this emulator: give the code as a zip.")
    reserved = [name for name in request.get("Environment", {}).get("Variables", {}) if _RESERVED.fullmatch(name)]
    if reserved:
        message = "Lambda was unable to configure your environment variables because the environment variables you have provided contains "
        message += "reserved keys that are currently not supported for modification. Reserved keys used in this request: "
        raise _invalid(message + ", ".join(sorted(reserved)))


def _coded(code: codes.Code) -> dict[str, Any]:
    return {"Folder": str(code.folder), "CodeSha256": code.sha256, "CodeSize": code.size}


def _stamp() -> dict[str, Any]:
    now = datetime.fromtimestamp(time.time(), UTC)
    return {"LastModified": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}+0000", "RevisionId": str(uuid.uuid4())}


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)


def _exists(name: str) -> ApiError:
    return ApiError("ResourceConflictException", f"Function already exist: {name}", 409, {"Type": "User"})
