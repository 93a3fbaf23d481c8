"""CreateModelPackageGroup, DescribeModelPackageGroup, ListModelPackageGroups, DeleteModelPackageGroup."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.tags import drop_tags, set_tags
from emulator.errors import ApiError, invalid
from emulator.listing import Listing
from emulator.operations import operation
from emulator.store import RecordExistsError

KIND = "model-package-group"
PACKAGE = "model-package"
_LISTING = Listing(
    "ModelPackageGroupSummaryList",
    {"Name": "ModelPackageGroupName", "CreationTime": "CreationTime", "Status": "ModelPackageGroupStatus"},
)


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a group, whose packages are versions 1, 2, 3, ..."""
    name = request["ModelPackageGroupName"]
    arn = context.arn(f"model-package-group/{name}")
    record = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupDescription": request.get("ModelPackageGroupDescription"),
        "CreationTime": time.time(),
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise invalid(f"Model Package Group already exists: {arn}") from None
    set_tags(context, arn, request.get("Tags", []))
    return {"ModelPackageGroupArn": arn}


def model_package_group(context: Context, name: str) -> dict[str, Any]:
    """The record of a group by its name or ARN.

    Raises
    ------
    ApiError
        When there is none.
    """
    name = name.rpartition("/")[2]
    record = context.store.get(KIND, name)
    if record is None:
        raise invalid(f"ModelPackageGroup {context.arn(f'model-package-group/{name}')} does not exist.")
    return record


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a group."""
    return model_package_group(context, request["ModelPackageGroupName"])


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Groups by name and time."""
    return _LISTING.answer(context.store.list(KIND), request)


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Forget a group that has no packages left."""
    record = model_package_group(context, request["ModelPackageGroupName"])
    if context.store.list(PACKAGE, parent=record["ModelPackageGroupName"]):
        raise ApiError("ConflictException", f"Model Package Group {record['ModelPackageGroupArn']} is not empty: delete its packages first")
    context.store.delete(KIND, record["ModelPackageGroupName"])
    drop_tags(context, record["ModelPackageGroupArn"])
    return {}
