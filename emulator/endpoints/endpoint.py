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
from emulator.errors import invalid
from emulator.listing import Listing
from emulator.operations import Answer, Request, operation
from emulator.store import RecordExistsError

ONE_PROCESS = "a variant is one process, whatever the type and number of its instances"
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


@operation("sagemaker", "CreateEndpoint", simulated=ONE_PROCESS)
def create_endpoint(request: Request, context: Context) -> Answer:
    """Start one process per variant; InService once all answer their ping."""
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
    return {}


@operation("sagemaker", "UpdateEndpoint", simulated=ONE_PROCESS)
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
    _begin(context, record, {"LastDeploymentConfig": how, "PendingDeploymentSummary": deployment.pending(context, config)})
    deployment.update(context, name, config, retained, policy)
    return {"EndpointArn": record["EndpointArn"]}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities", simulated=ONE_PROCESS)
def update_endpoint_weights_and_capacities(request: Request, context: Context) -> Answer:
    """Change the traffic split and the instance counts."""
    name = request["EndpointName"]
    record = _settled(context, name)
    known = {variant["VariantName"] for variant in record["ProductionVariants"]}
    desired = {item["VariantName"]: item for item in request["DesiredWeightsAndCapacities"]}
    for variant in desired.keys() - known:
        raise invalid(f'The variant name "{variant}" does not exist in endpoint "{record["EndpointArn"]}".')
    _begin(context, record, {})
    deployment.reweigh(context, name, desired)
    return {"EndpointArn": record["EndpointArn"]}


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
