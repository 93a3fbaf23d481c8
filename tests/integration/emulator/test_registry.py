"""Models, model package groups and packages."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def _package(workshop: Any, group: str, **members: Any) -> str:
    container = {"Image": workshop.image, "ModelDataUrl": "s3://workshop/models/x.tar.gz"}
    specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification} | members
    return str(workshop.sagemaker.create_model_package(**request)["ModelPackageArn"])


def test_packages_of_a_group_are_numbered_and_wait_for_approval(workshop):
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName="numbered")
    arns = [_package(workshop, "numbered", CustomerMetadataProperties={"key": "a", "other": "b"}) for _ in range(3)]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/numbered/{version}" for version in (1, 2, 3)]
    described = workshop.sagemaker.describe_model_package(ModelPackageName=arns[1])
    assert (described["ModelPackageVersion"], described["ModelApprovalStatus"]) == (2, "PendingManualApproval")
    assert described["InferenceSpecification"]["Containers"][0]["Image"] == workshop.image

    update = {"ModelPackageArn": arns[1], "ModelApprovalStatus": "Approved", "ApprovalDescription": "looks right"}
    workshop.sagemaker.update_model_package(**update, CustomerMetadataProperties={"key": "c"}, CustomerMetadataPropertiesToRemove=["other"])
    described = workshop.sagemaker.describe_model_package(ModelPackageName=arns[1])
    assert (described["ModelApprovalStatus"], described["CustomerMetadataProperties"]) == ("Approved", {"key": "c"})
    query = {"ModelPackageGroupName": "numbered", "SortBy": "CreationTime", "SortOrder": "Descending"}
    newest = workshop.sagemaker.list_model_packages(**query, MaxResults=1)["ModelPackageSummaryList"]
    approved = workshop.sagemaker.list_model_packages(**query, ModelApprovalStatus="Approved")["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in newest + approved] == [arns[2], arns[1]]


def test_a_version_number_is_never_used_again(workshop):
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName="reused")
    first = _package(workshop, "reused")
    with pytest.raises(workshop.sagemaker.exceptions.ConflictException, match="not empty"):
        workshop.sagemaker.delete_model_package_group(ModelPackageGroupName="reused")
    workshop.sagemaker.delete_model_package(ModelPackageName=first)
    assert _package(workshop, "reused").endswith("reused/2")


def test_groups_are_unique_and_packages_need_theirs(workshop):
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName="unique", Tags=[{"Key": "a", "Value": "b"}])
    with pytest.raises(ClientError, match="already exists"):
        workshop.sagemaker.create_model_package_group(ModelPackageGroupName="unique")
    with pytest.raises(ClientError, match="model-package-group/absent does not exist"):
        _package(workshop, "absent")
    described = workshop.sagemaker.describe_model_package_group(ModelPackageGroupName="unique")
    tags = workshop.sagemaker.list_tags(ResourceArn=described["ModelPackageGroupArn"])["Tags"]
    assert (described["ModelPackageGroupStatus"], tags) == ("Completed", [{"Key": "a", "Value": "b"}])


def test_a_model_is_described_as_it_was_made(workshop):
    container = {"Image": workshop.image, "ModelDataUrl": "s3://workshop/models/x.tar.gz", "Environment": {"A": "1"}}
    made = workshop.sagemaker.create_model(ModelName="made", PrimaryContainer=container, ExecutionRoleArn=workshop.role)
    described = workshop.sagemaker.describe_model(ModelName="made")
    assert (described["ModelArn"], described["PrimaryContainer"]) == (made["ModelArn"], container)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        workshop.sagemaker.create_model(ModelName="made", PrimaryContainer=container, ExecutionRoleArn=workshop.role)
    assert "made" in [item["ModelName"] for item in workshop.sagemaker.list_models(NameContains="ade")["Models"]]
    workshop.sagemaker.delete_model(ModelName="made")
    with pytest.raises(ClientError, match="Could not find model"):
        workshop.sagemaker.describe_model(ModelName="made")


def test_a_model_may_name_a_package(workshop):
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName="named")
    arn = _package(workshop, "named")
    workshop.sagemaker.create_model(ModelName="from-package", Containers=[{"ModelPackageName": arn}], ExecutionRoleArn=workshop.role)
    assert workshop.sagemaker.describe_model(ModelName="from-package")["Containers"] == [{"ModelPackageName": arn}]
    with pytest.raises(ClientError, match="model-package/named/9 does not exist"):
        workshop.sagemaker.create_model(
            ModelName="from-nothing", PrimaryContainer={"ModelPackageName": arn[:-1] + "9"}, ExecutionRoleArn=workshop.role
        )
