"""CreateModelPackage, DescribeModelPackage, ListModelPackages, UpdateModelPackage, DeleteModelPackage."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.model_package_groups import PACKAGE as KIND
from emulator.control.model_package_groups import model_package_group
from emulator.control.tags import drop_tags, set_tags
from emulator.errors import invalid
from emulator.listing import Listing
from emulator.operations import operation
from emulator.store import RecordExistsError

_LISTING = Listing(
    "ModelPackageSummaryList",
    {"Name": "ModelPackageArn", "CreationTime": "CreationTime", "Status": "ModelPackageStatus"},
)


@operation("sagemaker", "CreateModelPackage", simulated="the package is not validated by a job")
def create_model_package(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a package: the next version of its group, or one with a name of its own."""
    if ("ModelPackageGroupName" in request) == ("ModelPackageName" in request):
        raise invalid("Exactly one of ModelPackageGroupName and ModelPackageName must be given")
    identity = _versioned(request, context) if "ModelPackageGroupName" in request else _named(request, context)
    arn, now = identity["ModelPackageArn"], time.time()
    record = {key: value for key, value in request.items() if key not in ("Tags", "ClientToken")} | identity
    record |= {
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": now,
        "LastModifiedTime": now,
        "CreatedBy": {},
        "CertifyForMarketplace": request.get("CertifyForMarketplace", False),
    }
    try:
        context.store.add(KIND, arn, record, parent=identity.get("ModelPackageGroupName", ""))
    except RecordExistsError:
        raise invalid(f"Model Package already exists: {arn}") from None
    set_tags(context, arn, request.get("Tags", []))
    return {"ModelPackageArn": arn}


def _versioned(request: dict[str, Any], context: Context) -> dict[str, Any]:
    group = model_package_group(context, request["ModelPackageGroupName"])["ModelPackageGroupName"]
    version = context.store.next_number(f"model-package-group/{group}")
    return {
        "ModelPackageGroupName": group,
        "ModelPackageVersion": version,
        "ModelPackageArn": context.arn(f"model-package/{group}/{version}"),
        "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
    }


def _named(request: dict[str, Any], context: Context) -> dict[str, Any]:
    name = request["ModelPackageName"]
    return {"ModelPackageName": name, "ModelPackageArn": context.arn(f"model-package/{name}")}


def model_package(context: Context, name: str) -> dict[str, Any]:
    """The record of a package by its ARN or, where it has one, its name.

    Raises
    ------
    ApiError
        When there is none.
    """
    arn = name if name.startswith("arn:") else context.arn(f"model-package/{name}")
    record = context.store.get(KIND, arn)
    if record is None:
        raise invalid(f"ModelPackage {arn} does not exist.")
    return record


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a package."""
    record = model_package(context, request["ModelPackageName"])
    return record | {"ModelPackageName": record.get("ModelPackageName", record.get("ModelPackageGroupName"))}


@operation("sagemaker", "ListModelPackages")
def list_model_packages(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """The versions of a group, or the packages that are in none, by approval and time."""
    group = request.get("ModelPackageGroupName")
    parent = model_package_group(context, group)["ModelPackageGroupName"] if group else ""
    kind, approval = request.get("ModelPackageType", "Unversioned"), request.get("ModelApprovalStatus")
    records = context.store.list(KIND, parent=None if kind == "Both" and not group else parent)
    return _LISTING.answer([record for record in records if approval is None or record.get("ModelApprovalStatus") == approval], request)


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Approve or reject a package, or change its metadata."""
    record = model_package(context, request["ModelPackageArn"])
    metadata = record.get("CustomerMetadataProperties", {}) | request.get("CustomerMetadataProperties", {})
    removed = set(request.get("CustomerMetadataPropertiesToRemove", []))
    given = ("ModelApprovalStatus", "ApprovalDescription", "SourceUri", "ModelCard")
    change: dict[str, Any] = {key: request[key] for key in given if key in request}
    change |= {
        "CustomerMetadataProperties": {key: value for key, value in metadata.items() if key not in removed},
        "LastModifiedTime": time.time(),
        "LastModifiedBy": {},
    }
    context.store.update(KIND, record["ModelPackageArn"], change)
    return {"ModelPackageArn": record["ModelPackageArn"]}


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Forget a package; its version number is not used again."""
    record = model_package(context, request["ModelPackageName"])
    context.store.delete(KIND, record["ModelPackageArn"])
    drop_tags(context, record["ModelPackageArn"])
    return {}
