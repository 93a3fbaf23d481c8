"""The model package group has one owner: the stack that made it, or the caller where no stack did."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from pipelines.registry import STACK_TAG, ensure_group
from pipelines.settings import Settings


def tags_of(settings: Settings) -> dict[str, str]:
    sagemaker: Any = boto3.client("sagemaker")
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=settings.model_package_group)["ModelPackageGroupArn"]
    return {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}


@pytest.mark.parametrize("by", ["nobody", "a Register step", "a stack"])
def test_a_group_is_tagged_unless_a_stack_owns_it(settings: Settings, by: str) -> None:
    made: dict[str, Any] = {"a Register step": {}, "a stack": {"Tags": [{"Key": STACK_TAG, "Value": "housing-sagemaker"}]}}
    if by in made:
        boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName=settings.model_package_group, **made[by])
    ensure_group(settings)
    expected = {STACK_TAG} if by == "a stack" else {"project", "pipeline", "profile"}
    assert set(tags_of(settings)) == expected
