"""What an endpoint is doing: wait until it settles, tell a rollback from a success, remove what it no longer uses."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines.aws import is_absent
from pipelines.errors import DeploymentError
from pipelines.polling import pauses

if TYPE_CHECKING:
    from pipelines.hosting_settings import Serving

SETTLED = frozenset({"InService", "Failed", "OutOfService", "UpdateRollbackFailed"})

Endpoint = dict[str, Any]


def describe(sagemaker: Any, name: str) -> Endpoint | None:
    """The endpoint as the service describes it, None when it does not exist."""
    try:
        found: Endpoint = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
    return found


def settled(sagemaker: Any, name: str, waiting: Callable[[str], None] | None = None) -> Endpoint | None:
    """Wait while the endpoint is being created, updated or deleted, and return what it came to."""
    current = describe(sagemaker, name)
    for pause in pauses():
        if current is None or current["EndpointStatus"] in SETTLED:
            break
        if waiting:
            waiting(current["EndpointStatus"])
        time.sleep(pause)
        current = describe(sagemaker, name)
    return current


def delete_endpoint(sagemaker: Any, name: str) -> None:
    """Delete the endpoint and return when it is gone; one that another caller deletes is waited for."""
    try:
        sagemaker.delete_endpoint(EndpointName=name)
    except ClientError as error:
        if not is_absent(error) and "in-progress" not in str(error):
            raise
    for pause in pauses():
        if describe(sagemaker, name) is None:
            return
        time.sleep(pause)


def require_in_service(endpoint: Endpoint | None, config_name: str, name: str, fired: Sequence[str] = ()) -> None:
    """DeploymentError unless the endpoint serves the configuration that was asked for; `fired` are the alarms that went off meanwhile.

    An update that was rolled back ends in service too, with the old configuration: only the name tells.
    """
    if endpoint is None:
        raise DeploymentError(f"endpoint {name}: it was deleted while it was deployed; run `housing deploy` again")
    if endpoint["EndpointStatus"] != "InService":
        reason = endpoint.get("FailureReason", "no reason given")
        raise DeploymentError(f"endpoint {name}: {endpoint['EndpointStatus']}: {reason}")
    if endpoint["EndpointConfigName"] != config_name:
        reason = endpoint.get("FailureReason", "an alarm fired or the new model did not answer")
        alarms = f"; alarms: {', '.join(fired)}" if fired else ""
        raise DeploymentError(f"endpoint {name}: rolled back to {endpoint['EndpointConfigName']}: {reason}{alarms}")


def kind(config: Mapping[str, Any]) -> Serving:
    """How an endpoint of that configuration answers."""
    if "ServerlessConfig" in config["ProductionVariants"][0]:
        return "serverless"
    return "async" if config.get("AsyncInferenceConfig") else "realtime"


def package_of(sagemaker: Any, model_name: str) -> str:
    """The ARN of the model package behind a model; DeploymentError when the model was made without one."""
    model = sagemaker.describe_model(ModelName=model_name)
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    arn = containers[0].get("ModelPackageName")
    if arn is None:
        raise DeploymentError(f"model {model_name}: was not made from a model package; deploy one with `housing deploy`")
    return str(arn)


def instance_types_by_variant(sagemaker: Any, config_name: str) -> dict[str, str]:
    """Variant -> instance type of a configuration; serverless variants have none and are left out."""
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)["ProductionVariants"]
    return {variant["VariantName"]: variant["InstanceType"] for variant in variants if "InstanceType" in variant}


def delete_orphans(sagemaker: Any, endpoint_name: str, keep: str = "") -> None:
    """Delete the configurations and models that were made for this endpoint, except the configuration `keep` and its models."""
    ours = re.compile(re.escape(endpoint_name) + r"-[0-9a-f]{12}")
    kept_models: set[str] = set()
    if keep:
        config = sagemaker.describe_endpoint_config(EndpointConfigName=keep)
        kept_models = {variant["ModelName"] for variant in [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]}
    for name in _names(sagemaker, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", endpoint_name):
        if ours.fullmatch(name) and name != keep:
            _delete(sagemaker.delete_endpoint_config, EndpointConfigName=name)
    for name in _names(sagemaker, "list_models", "Models", "ModelName", endpoint_name):
        if ours.fullmatch(name) and name not in kept_models:
            _delete(sagemaker.delete_model, ModelName=name)


def _delete(call: Callable[..., Any], **what: str) -> None:
    """Delete what another caller may be deleting too."""
    try:
        call(**what)
    except ClientError as error:
        if not is_absent(error):
            raise


def _names(sagemaker: Any, operation: str, listing: str, key: str, contains: str) -> list[str]:
    pages = sagemaker.get_paginator(operation).paginate(NameContains=contains)
    return [item[key] for page in pages for item in page[listing]]
