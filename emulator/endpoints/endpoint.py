"""The Endpoint operations: each answers at once, and the change itself goes on behind the endpoint's status."""

from __future__ import annotations

import time
from typing import Any

from emulator.context import Context
from emulator.control.tags import drop_tags, set_tags
from emulator.endpoints import deployment
from emulator.endpoints.alarms import require
from emulator.endpoints.bluegreen import Policy
from emulator.endpoints.configs import config_of
from emulator.endpoints.fleet import KIND
from emulator.endpoints.scaling.registry import Registry
from emulator.errors import invalid
from emulator.listing import Listing
from emulator.operations import Answer, Request, operation
from emulator.store import RecordExistsError

FEW_PROCESSES = "instance types are names; of a variant's instances the first EMULATOR_VARIANT_PROCESSES are processes"
_FIELDS = {"Name": "EndpointName", "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime", "Status": "EndpointStatus"}
_LISTING = Listing("Endpoints", _FIELDS, order="Descending")
_SETTLED = ("InService", "Failed", "OutOfService", "UpdateRollbackFailed")


def endpoint_of(context: Context, name: str) -> dict[str, Any]:
    """The record of an endpoint.

    Raises
    ------
    ApiError
        As the service answers for one that doesn't exist.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise invalid(f'Could not find endpoint "{context.arn(f"endpoint/{name}")}".')
    return record


@operation("sagemaker", "CreateEndpoint", simulated=FEW_PROCESSES)
def create_endpoint(request: Request, context: Context) -> Answer:
    """Start the instances of every variant; InService once all answer their ping."""
    name = request["EndpointName"]
    arn, now = context.arn(f"endpoint/{name}"), time.time()
    config = config_of(context, request["EndpointConfigName"])
    record = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": config["EndpointConfigName"],
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
        "LastDeploymentConfig": request.get("DeploymentConfig"),
        **deployment.described(context, config),
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise invalid(f'Cannot create already existing endpoint "{arn}".') from None
    set_tags(context, arn, request.get("Tags", []))
    deployment.create(context, name)
    return {"EndpointArn": arn}


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(request: Request, context: Context) -> Answer:
    """The endpoint with its variants and status."""
    return endpoint_of(context, request["EndpointName"])


@operation("sagemaker", "ListEndpoints")
def list_endpoints(request: Request, context: Context) -> Answer:
    """A page of endpoints."""
    return _LISTING.answer(context.store.list(KIND), request)


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(request: Request, context: Context) -> Answer:
    """Stop the processes and forget the endpoint."""
    name = request["EndpointName"]
    record = _settled(context, name)
    _begin(context, record, {}, "Deleting")
    drop_tags(context, record["EndpointArn"])
    deployment.delete(context, name)
    context.part(Registry).forget(name)
    return {}


@operation("sagemaker", "UpdateEndpoint", simulated=FEW_PROCESSES)
def update_endpoint(request: Request, context: Context) -> Answer:
    """Move the endpoint to another configuration without a gap."""
    name = request["EndpointName"]
    record = _settled(context, name)
    if record["EndpointStatus"] != "InService":
        raise invalid(f'Cannot update endpoint "{record["EndpointArn"]}" with status "{record["EndpointStatus"]}".')
    config = config_of(context, request["EndpointConfigName"])
    retained = set(deployment.RETAINABLE) if request.get("RetainAllVariantProperties") else set()
    retained -= {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}
    how = record.get("LastDeploymentConfig") if request.get("RetainDeploymentConfig") else request.get("DeploymentConfig")
    policy = Policy.of(how, sum(variant.get("CurrentInstanceCount") or 1 for variant in record["ProductionVariants"]))
    require(context, policy.alarms)
    _keep_scaled(context, record, config)
    _begin(context, record, {"LastDeploymentConfig": how, "PendingDeploymentSummary": deployment.pending(context, config)})
    deployment.update(context, name, config, retained, policy)
    return {"EndpointArn": record["EndpointArn"]}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities", simulated=FEW_PROCESSES)
def update_endpoint_weights_and_capacities(request: Request, context: Context) -> Answer:
    """Change the traffic split and the instance counts."""
    name = request["EndpointName"]
    record = _settled(context, name)
    known = {variant["VariantName"] for variant in record["ProductionVariants"]}
    desired = {item["VariantName"]: item for item in request["DesiredWeightsAndCapacities"]}
    for variant in desired.keys() - known:
        raise invalid(f'The variant name "{variant}" does not exist in endpoint "{record["EndpointArn"]}".')
    for variant in record["ProductionVariants"]:
        _check_count(record, variant, desired.get(variant["VariantName"], {}).get("DesiredInstanceCount"))
    _begin(context, record, {})
    deployment.reweigh(context, name, desired)
    return {"EndpointArn": record["EndpointArn"]}


def _keep_scaled(context: Context, record: dict[str, Any], config: dict[str, Any]) -> None:
    """Refuse a configuration that takes a scalable target's variant away, or gives it another instance type."""
    types = {variant["VariantName"]: variant.get("InstanceType") for variant in record["Config"]["ProductionVariants"]}
    new = {variant["VariantName"]: variant.get("InstanceType") for variant in config["ProductionVariants"]}
    scaled = [target.variant for target in context.part(Registry).targets() if target.endpoint == record["EndpointName"]]
    lost = [name for name in scaled if name in types and new.get(name) != types[name]]
    if lost:
        raise invalid(
            f"The variant(s) {lost} must be deregistered as scalable targets with AWS Auto Scaling before they can be removed "
            "or have their instance type updated."
        )


def _check_count(record: dict[str, Any], variant: dict[str, Any], count: int | None) -> None:
    if count is None:
        return
    if variant.get("CurrentServerlessConfig"):
        raise invalid(f'Variant "{variant["VariantName"]}" is serverless: it has no instance count.')
    if count == 0 and not record.get("AsyncInferenceConfig"):
        raise invalid(f'Variant "{variant["VariantName"]}" cannot have 0 instances: only an asynchronous endpoint scales to zero.')


def _settled(context: Context, name: str) -> dict[str, Any]:
    record = endpoint_of(context, name)
    if record["EndpointStatus"] not in _SETTLED:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
    return record


def _begin(context: Context, record: dict[str, Any], fields: dict[str, Any], status: str = "Updating") -> None:
    """Take the endpoint for one change: of two that come at once, the second is refused."""
    change = {**fields, "EndpointStatus": status, "LastModifiedTime": time.time()}
    if context.store.update(KIND, record["EndpointName"], change, expect={"EndpointStatus": record["EndpointStatus"]}) is None:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
