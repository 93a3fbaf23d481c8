"""The settings that a function reads mean the same as the caller's, and bring none of the caller's packages with them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from pipelines import endpoint, handover, rollout, scaling
from pipelines.errors import DeploymentError
from pipelines.registry import ModelPackage
from pipelines.serving import refusals, tiers
from pipelines.settings import Settings
from pipelines.tags import tag_list

CONTAINER = {"Image": "i", "ModelDataUrl": "s3://b/m"}
PACKAGE = ModelPackage("arn:aws:sagemaker:us-east-1:1:model-package/g/1", 1, "Approved", CONTAINER, {}, "", CONTAINER)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"serving": "async", "kms_key_id": "key"},
        {"endpoint_instance_type": "ml.m5.xlarge", "kms_key_id": "key", "data_capture_percent": 5},
        {"vpc_subnets": ("a",), "vpc_security_groups": ("b",), "network_isolation": True},
        {"serving": "serverless", "tags": {"team": "é"}},
        {"serving": "batch"},
    ],
)
def test_a_function_would_make_the_very_same_requests(chosen: dict[str, Any]) -> None:
    settings = Settings(**chosen)
    handed = handover.from_json(handover.to_json(settings))
    assert tiers(handed) == tiers(settings)
    for tier in tiers(settings):
        assert endpoint.order_of(PACKAGE, tier, handed) == endpoint.order_of(PACKAGE, tier, settings)
        assert refusals(tier, handed) == refusals(tier, settings)
        assert scaling.tracking_policy(tier, handed) == scaling.tracking_policy(tier, settings)
        assert rollout.deployment_config(tier.endpoint_name, handed) == rollout.deployment_config(tier.endpoint_name, settings)
        assert rollout.alarms(tier.endpoint_name, handed) == rollout.alarms(tier.endpoint_name, settings)
    assert (tag_list(handed), handed.prefix) == (tag_list(settings), settings.prefix)


def test_what_is_handed_over_cannot_be_changed_but_copied() -> None:
    handed = handover.from_json(handover.to_json(Settings()))
    with pytest.raises(AttributeError):
        handed.bucket = "other"  # type: ignore[misc]
    assert handed.model_copy(update={"bucket": "other"}).prefix == "s3://other/housing"
    with pytest.raises(AttributeError, match="housing bootstrap"):
        _ = handed.nothing  # type: ignore[attr-defined]


def test_settings_that_do_not_fit_into_an_environment_are_refused_before_they_are_sent() -> None:
    with pytest.raises(DeploymentError, match="HOUSING_TAGS"):
        handover.to_json(Settings(tags={"long": "x" * 1000}))
    assert len(handover.to_json(Settings()).encode()) < handover.MAX_BYTES - 250, "images by digest need some room"


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"settings": {}, "chosen": [], "machines": {"a": {}}}'])
def test_what_is_no_handover_names_the_remedy(text: str) -> None:
    with pytest.raises(DeploymentError, match="HOUSING_SETTINGS: holds no settings; deploy the stack again with `housing bootstrap`"):
        handover.from_json(text)


@pytest.mark.parametrize("name", ["train", "deploy", "status"])
def test_a_function_starts_without_the_packages_of_the_caller(name: str) -> None:
    heavy = "{'pydantic', 'pydantic_settings', 'yaml', 'rich', 'typer', 'sagemaker', 'numpy', 'housing', 'torch'}"
    code = f"import sys, lambdas.{name}.handler; print([m for m in sys.modules if m.partition('.')[0] in {heavy}])"
    env = {"PATH": "", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
