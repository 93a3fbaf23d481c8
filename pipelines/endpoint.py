"""Puts an approved model behind the real-time endpoint, and leaves it as it is when nothing changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipelines import endpoint_state as state
from pipelines.aws import client, is_absent
from pipelines.registry import ModelPackage
from pipelines.settings import Settings

VARIANT = "main"
STARTUP_SECONDS = 900
"""How long a container may take to load its model before the service gives up."""


@dataclass(frozen=True)
class Deployment:
    """What was done: the endpoint, its configuration, and whether it was created, updated or left as it was."""

    endpoint_name: str
    config_name: str
    action: Literal["created", "updated", "unchanged"]
    package_version: int


def deploy(package: ModelPackage, settings: Settings, waiting: Callable[[str], None] | None = None) -> Deployment:
    """Serve `package` at the endpoint and return when it is in service.

    Names are made of what is served, so the same image, artifact and machines are the same configuration, and a package that
    holds what is already in service changes nothing. `waiting` is told the endpoint's status at each look.
    Errors: DeploymentError when the endpoint fails, or comes back with its old configuration (a rollback).
    """
    sagemaker = client("sagemaker", settings)
    config_name = _config_name(package, settings)
    there = state.settled(sagemaker, settings.endpoint_name, waiting)
    if there and there["EndpointStatus"] == "InService" and there["EndpointConfigName"] == config_name:
        return Deployment(settings.endpoint_name, config_name, "unchanged", package.version)
    _create_model(sagemaker, package, settings)
    _create_config(sagemaker, package, config_name, settings)
    action = _point_endpoint(sagemaker, there, config_name, settings.endpoint_name)
    state.require_in_service(state.settled(sagemaker, settings.endpoint_name, waiting), config_name, settings.endpoint_name)
    state.delete_orphans(sagemaker, settings.endpoint_name, keep=config_name)
    return Deployment(settings.endpoint_name, config_name, action, package.version)


def delete(settings: Settings) -> bool:
    """Delete the endpoint, its configurations and its models. False when there was no endpoint."""
    sagemaker = client("sagemaker", settings)
    there = state.settled(sagemaker, settings.endpoint_name)
    if there:
        state.delete_endpoint(sagemaker, settings.endpoint_name)
    state.delete_orphans(sagemaker, settings.endpoint_name)
    return there is not None


def _model_name(package: ModelPackage, settings: Settings) -> str:
    return f"{settings.endpoint_name}-{_digest(package.container, settings.role_arn, settings.network_isolation)}"


def _config_name(package: ModelPackage, settings: Settings) -> str:
    machines = (settings.endpoint_instance_type, settings.endpoint_instance_count, settings.kms_key_id)
    return f"{settings.endpoint_name}-{_digest(_model_name(package, settings), *machines)}"


def _digest(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _create_model(sagemaker: Any, package: ModelPackage, settings: Settings) -> None:
    name = _model_name(package, settings)
    if _exists(sagemaker.describe_model, ModelName=name):
        return
    sagemaker.create_model(
        ModelName=name,
        Containers=[{"ModelPackageName": package.arn}],
        ExecutionRoleArn=settings.role_arn,
        EnableNetworkIsolation=settings.network_isolation,
    )


def _create_config(sagemaker: Any, package: ModelPackage, config_name: str, settings: Settings) -> None:
    if _exists(sagemaker.describe_endpoint_config, EndpointConfigName=config_name):
        return
    variant = {
        "VariantName": VARIANT,
        "ModelName": _model_name(package, settings),
        "InstanceType": settings.endpoint_instance_type,
        "InitialInstanceCount": settings.endpoint_instance_count,
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": STARTUP_SECONDS,
    }
    encryption = {"KmsKeyId": settings.kms_key_id} if settings.kms_key_id else {}
    sagemaker.create_endpoint_config(EndpointConfigName=config_name, ProductionVariants=[variant], **encryption)


def _point_endpoint(sagemaker: Any, there: dict[str, Any] | None, config_name: str, name: str) -> Literal["created", "updated"]:
    """Create the endpoint, or update it and keep the capacity that autoscaling gave it."""
    if there and there["EndpointStatus"] == "Failed":  # a failed endpoint can only be deleted
        state.delete_endpoint(sagemaker, name)
        there = None
    if there is None:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config_name)
        return "created"
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config_name, RetainAllVariantProperties=True)
    return "updated"


def _exists(describe: Callable[..., Any], **name: str) -> bool:
    try:
        describe(**name)
    except ClientError as error:
        if is_absent(error):
            return False
        raise
    return True
