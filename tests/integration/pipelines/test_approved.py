"""A candidate meets the newest approved model, and approving what an unchanged pipeline made leaves its steps cached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.approved import upload_approved
from pipelines.aws import split_uri
from pipelines.errors import RegistryError
from pipelines.settings import Settings


class Registry:
    """Approved packages as an execution leaves them."""

    def __init__(self, aws: Any, settings: Settings) -> None:
        self.s3, self.sagemaker, self.settings = aws.client("s3"), aws.client("sagemaker"), settings
        self.sagemaker.create_model_package_group(ModelPackageGroupName=settings.model_package_group)

    def approve(self, execution: str, approved_uri: str, *, with_evaluation: bool = True) -> str:
        """Register what `execution` made and approve it; the evaluation says which execution it is."""
        key = f"{self.settings.model_package_group}/{execution}/evaluation.json"
        self.s3.put_object(Bucket="toys", Key=key, Body=json.dumps({"execution": execution}).encode())
        metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://toys/{key}"}}}
        specification = {
            "Containers": [{"Image": "registry/toy:1", "ModelDataUrl": "s3://toys/a.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        }
        response = self.sagemaker.create_model_package(
            ModelPackageGroupName=self.settings.model_package_group,
            InferenceSpecification=specification,
            ModelApprovalStatus="Approved",
            CustomerMetadataProperties={"approved_uri": approved_uri},
            **({"ModelMetrics": metrics} if with_evaluation else {}),
        )
        return str(response["ModelPackageArn"])

    def read(self, uri: str) -> Any:
        bucket, key = split_uri(f"{uri}approved.json")
        return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.fixture
def registry(aws: Any, settings: Settings) -> Registry:
    made = Registry(aws, settings)
    made.s3.create_bucket(Bucket=settings.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return made


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"bucket": settings.pipeline_name})


def test_approving_what_a_recipe_made_keeps_its_address_and_changes_that_of_others(registry: Registry, settings: Settings) -> None:
    first = upload_approved("{}", "s3://b/one/", 12, settings)
    assert registry.read(first) == {"model_package": None, "evaluation": None}

    arn = registry.approve("e1", first)
    assert upload_approved("{}", "s3://b/one/", 12, settings) == first
    assert registry.read(first) == {"model_package": arn, "evaluation": {"execution": "e1"}}

    second = upload_approved("{}", "s3://b/two/", 12, settings)
    registry.approve("e2", second)
    assert upload_approved("{}", "s3://b/two/", 12, settings) == second

    back = upload_approved("{}", "s3://b/one/", 12, settings)
    assert back != first
    assert registry.read(back)["evaluation"] == {"execution": "e2"}


def test_every_part_of_the_recipe_has_an_address_of_its_own(registry: Registry, settings: Settings) -> None:
    recipes = [("{}", "s3://b/one/", 12), ("[]", "s3://b/one/", 12), ("{}", "s3://b/two/", 12), ("{}", "s3://b/one/", 4)]
    assert len({upload_approved(*recipe, settings) for recipe in recipes}) == len(recipes)


def test_the_same_model_registered_again_is_no_other_model(registry: Registry, settings: Settings) -> None:
    registry.approve("e1", "elsewhere")
    before = upload_approved("{}", "s3://b/one/", 12, settings)
    registry.approve("e1", "elsewhere")
    assert upload_approved("{}", "s3://b/one/", 12, settings) == before


def test_an_approved_package_without_an_evaluation_is_an_error_and_not_a_free_pass(registry: Registry, settings: Settings) -> None:
    registry.approve("e1", "elsewhere", with_evaluation=False)
    with pytest.raises(RegistryError, match="version 1: is approved but has no evaluation"):
        upload_approved("{}", "s3://b/one/", 12, settings)
    registry.approve("e2", "elsewhere")
    registry.s3.delete_object(Bucket="toys", Key=f"{settings.model_package_group}/e2/evaluation.json")
    with pytest.raises(RegistryError, match=r"version 2: .* is gone; reject it, or approve another"):
        upload_approved("{}", "s3://b/one/", 12, settings)
