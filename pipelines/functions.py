"""Puts the Lambda function in place: the same code and settings give the same zip, and an unchanged function is left alone."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent
from pipelines.errors import DeploymentError
from pipelines.packaging import RUNTIME, package
from pipelines.polling import pauses
from pipelines.settings import Settings
from pipelines.tags import tags

HANDLER = "lambdas.predict.handler.handler"
TIMEOUT_SECONDS = 60
MEMORY_MB = 512


def deploy_predict(settings: Settings) -> Literal["created", "updated", "unchanged"]:
    """Create or update the function that answers predictions from the endpoint; returns when it can be invoked.

    Errors: DeploymentError when the service can't make it ready.
    """
    functions = client("lambda", settings)
    code = package("predict")
    environment = {"Variables": _environment(settings)}
    there = _describe(functions, settings.function_name)
    if there is None:
        _create(functions, code, environment, settings)
        return _ready(functions, settings.function_name, "created")
    same_code = there["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    same_environment = there.get("Environment", {}).get("Variables") == environment["Variables"]
    if same_code and same_environment:
        return "unchanged"
    if not same_code:
        functions.update_function_code(FunctionName=settings.function_name, ZipFile=code)
        _ready(functions, settings.function_name, "updated")
    if not same_environment:
        functions.update_function_configuration(FunctionName=settings.function_name, Environment=environment)
    return _ready(functions, settings.function_name, "updated")


def delete_predict(settings: Settings) -> bool:
    """Delete the function. False when there was none."""
    try:
        client("lambda", settings).delete_function(FunctionName=settings.function_name)
    except ClientError as error:
        if is_absent(error):
            return False
        raise
    return True


def _environment(settings: Settings) -> dict[str, str]:
    """Where the function finds its endpoints and the table of forecasts."""
    serving, name = settings.serving, settings.endpoint_name
    return {
        "HOUSING_BUCKET": settings.bucket,
        "HOUSING_ENDPOINT_NAME": name if serving in ("realtime", "serverless") else "",
        "HOUSING_CPU_ENDPOINT_NAME": settings.cpu_endpoint_name if serving == "realtime" and settings.cpu_tier else "",
        "HOUSING_ASYNC_ENDPOINT_NAME": name if serving == "async" else "",
    }


def _create(functions: Any, code: bytes, environment: dict[str, Any], settings: Settings) -> None:
    functions.create_function(
        FunctionName=settings.function_name,
        Runtime=RUNTIME,
        Handler=HANDLER,
        Role=settings.function_role_arn,
        Code={"ZipFile": code},
        Environment=environment,
        Timeout=TIMEOUT_SECONDS,
        MemorySize=MEMORY_MB,
        Layers=list(settings.function_layers),
        Tags=tags(settings),
    )


def _describe(functions: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
    return found


def _ready(functions: Any, name: str, action: Literal["created", "updated"]) -> Literal["created", "updated"]:
    """Wait until the function is active and its last update is through."""
    for pause in pauses():
        facts = _describe(functions, name)
        if facts is None or facts.get("State") == "Failed" or facts.get("LastUpdateStatus") == "Failed":
            reason = (facts or {}).get("StateReason") or (facts or {}).get("LastUpdateStatusReason") or "it was deleted"
            raise DeploymentError(f"function {name}: not ready: {reason}; run `housing deploy` again")
        if facts.get("State", "Active") == "Active" and facts.get("LastUpdateStatus", "Successful") == "Successful":
            break
        time.sleep(pause)
    return action
