"""Puts the Lambda function in place: the same code and settings give the same zip, and an unchanged function is left alone."""

from __future__ import annotations

import base64
import hashlib
import io
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent
from pipelines.errors import DeploymentError
from pipelines.polling import pauses
from pipelines.settings import Settings
from pipelines.tags import tags

RUNTIME = "python3.11"
HANDLER = "lambdas.predict.handler.handler"
PACKAGES = ("lambdas/__init__.py", "lambdas/predict", "lambdas/shared")
TIMEOUT_SECONDS = 60
MEMORY_MB = 512

_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def deploy_predict(settings: Settings) -> Literal["created", "updated", "unchanged"]:
    """Create or update the function that answers predictions from the endpoint; returns when it can be invoked.

    Errors: DeploymentError when the service can't make it ready.
    """
    functions = client("lambda", settings)
    code = package_code()
    environment = {"Variables": {"HOUSING_ENDPOINT_NAME": settings.endpoint_name}}
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


def package_code() -> bytes:
    """The zip of the function: its own package and what it shares with its siblings, without dates or owners."""
    spec = find_spec("lambdas")
    if spec is None or not spec.submodule_search_locations:
        raise DeploymentError("lambdas: the package is not installed; install housing-crisis-ml[lambdas]")
    root = Path(next(iter(spec.submodule_search_locations))).parent
    files = sorted({path for package in PACKAGES for path in _sources(root / package)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), _EPOCH)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _sources(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


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
