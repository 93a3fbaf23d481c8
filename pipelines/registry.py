"""The model registry: find packages, approve or reject them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent
from pipelines.errors import RegistryError
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.settings import Settings

CPU_SPECIFICATION = "cpu"
"""The additional inference specification of a package: its artifact in the image without CUDA."""

STACK_TAG = "aws:cloudformation:stack-name"
"""CloudFormation puts it on what a stack owns."""

Status = Literal["PendingManualApproval", "Approved", "Rejected"]


@dataclass(frozen=True)
class ModelPackage:
    """One version of the model.

    Attributes
    ----------
    arn, version, status : as the registry gives them.
    container : image, ModelDataUrl and whatever else runs the model on a GPU.
    cpu_container : the same for a machine without one, None where the package was registered without.
    metadata : content key, source of the data, and the address of the approved model that it was held against.
    evaluation_uri : its evaluation.json, empty when it was registered without one.
    execution : ARN of the pipeline execution that registered it, empty where the service does not say.
    """

    arn: str
    version: int
    status: str
    container: dict[str, Any]
    metadata: dict[str, str]
    evaluation_uri: str
    cpu_container: dict[str, Any] | None = None
    execution: str = ""


def packages(settings: Settings, status: Status | None = None) -> list[ModelPackage]:
    """The packages of the group, newest first; empty when the group does not exist."""
    return [describe(arn, settings) for arn in arns(settings, status)]


def arns(settings: Settings, status: Status | None = None) -> Iterator[str]:
    """Their ARNs, newest first, asked for page by page."""
    only = {"ModelApprovalStatus": status} if status else {}
    pages = (
        client("sagemaker", settings)
        .get_paginator("list_model_packages")
        .paginate(ModelPackageGroupName=settings.model_package_group, SortBy="CreationTime", SortOrder="Descending", **only)
    )
    try:
        for page in pages:
            yield from (summary["ModelPackageArn"] for summary in page["ModelPackageSummaryList"])
    except ClientError as error:
        if not is_absent(error):
            raise


def describe(arn: str, settings: Settings) -> ModelPackage:
    """The package of that ARN."""
    facts = client("sagemaker", settings).describe_model_package(ModelPackageName=arn)
    specifications = {item["Name"]: item for item in facts.get("AdditionalInferenceSpecifications", [])}
    cpu = specifications.get(CPU_SPECIFICATION, {}).get("Containers")
    return ModelPackage(
        arn=facts["ModelPackageArn"],
        version=int(facts.get("ModelPackageVersion", 0)),
        status=facts.get("ModelApprovalStatus", ""),
        container=facts["InferenceSpecification"]["Containers"][0],
        metadata=facts.get("CustomerMetadataProperties", {}),
        evaluation_uri=facts.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri", ""),
        cpu_container=cpu[0] if cpu else None,
        execution=facts.get("MetadataProperties", {}).get("GeneratedBy", ""),
    )


def newest(settings: Settings, status: Status | None = None) -> ModelPackage:
    """The newest package with that status; RegistryError with the next command when there is none."""
    arn = next(arns(settings, status), None)
    if arn is not None:
        return describe(arn, settings)
    kind, remedy = {
        "PendingManualApproval": ("waits for approval", "run `housing run` first"),
        "Approved": ("is approved", "run `housing approve` first"),
        "Rejected": ("is rejected", "nothing to do"),
    }.get(status or "", ("exists", "run `housing run` first"))
    raise RegistryError(f"model package group {settings.model_package_group}: no package {kind}; {remedy}")


def select(version: int | None, settings: Settings, status: Status | None = None) -> ModelPackage:
    """The package of that version, or the newest of that status; RegistryError when there is none or it has another status."""
    if version is None:
        return newest(settings, status)
    found = next((package for package in packages(settings) if package.version == version), None)
    if found is None:
        raise RegistryError(f"model package group {settings.model_package_group}: has no version {version}; `housing status` lists them")
    if status and found.status != status:
        raise RegistryError(f"version {version}: is {found.status}, not {status}; run `housing approve --version {version}` first")
    return found


def ensure_group(settings: Settings) -> None:
    """Make the group with our tags, or set the tags of the one that is there, unless a stack owns it (deploy/aws/sagemaker.yaml).

    A package takes the tags of its group, and the group that a Register step makes by itself has none.
    """
    sagemaker, name, tagged = client("sagemaker", settings), settings.model_package_group, tag_list(settings)
    try:
        arn = sagemaker.describe_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    except ClientError as error:
        if not is_absent(error):
            raise
        sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=tagged)
    else:
        pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        if STACK_TAG not in {tag["Key"] for page in pages for tag in page["Tags"]}:
            sagemaker.add_tags(ResourceArn=arn, Tags=tagged)


def approve(arn: str, reason: str, settings: Settings) -> None:
    """Allow the package to be deployed."""
    _decide(arn, "Approved", reason, settings)


def reject(arn: str, reason: str, settings: Settings) -> None:
    """Refuse the package."""
    _decide(arn, "Rejected", reason, settings)


def _decide(arn: str, status: Status, reason: str, settings: Settings) -> None:
    why = {"ApprovalDescription": reason} if reason else {}
    client("sagemaker", settings).update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, **why)
