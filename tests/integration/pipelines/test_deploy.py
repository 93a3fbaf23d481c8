"""From the registry into service: approval, endpoint, function."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import endpoint, predict, registry
from pipelines.errors import DeploymentError, PredictionError, RegistryError
from pipelines.settings import Settings

Register = Callable[..., str]
Front = Callable[[Settings], None]


def approved(register: Register, settings: Settings, name: str, **environment: str) -> registry.ModelPackage:
    arn = register(name, **environment)
    registry.approve(arn, "looks right", settings)
    return registry.newest(settings, "Approved")


def ours(aws: Any, settings: Settings) -> tuple[list[str], list[str]]:
    """Names of the configurations and models of the endpoint."""
    sagemaker, name = aws.client("sagemaker"), settings.endpoint_name
    configs = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    models = sagemaker.list_models(NameContains=name)["Models"]
    return [config["EndpointConfigName"] for config in configs], [model["ModelName"] for model in models]


def test_a_registry_without_such_a_package_names_the_next_command(settings: Settings, register: Register) -> None:
    with pytest.raises(RegistryError, match="housing run"):
        registry.newest(settings.model_copy(update={"model_package_group": "absent"}))
    register("a")
    with pytest.raises(RegistryError, match="no package is approved; run `housing approve` first"):
        registry.newest(settings, "Approved")


def test_the_newest_package_of_a_status_is_found(settings: Settings, register: Register) -> None:
    first, second = register("a"), register("b")
    registry.approve(first, "", settings)
    registry.reject(second, "too slow", settings)
    assert registry.newest(settings).arn == registry.newest(settings, "Rejected").arn == second
    assert registry.newest(settings, "Approved").arn == first
    assert registry.newest(settings, "Approved").version == 1


def test_a_package_goes_into_service_and_the_same_content_changes_nothing(aws: Any, settings: Settings, register: Register) -> None:
    (first,) = endpoint.deploy(approved(register, settings, "a"), settings)
    assert first.action == "created"
    (same,) = endpoint.deploy(approved(register, settings, "a"), settings)
    assert (same.action, same.config_name, same.package_version) == ("unchanged", first.config_name, 2)
    (other,) = endpoint.deploy(approved(register, settings, "b"), settings)
    assert (other.action, other.package_version) == ("updated", 3)
    configs, models = ours(aws, settings)
    assert configs == [other.config_name]
    assert len(models) == 1
    answer = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=settings.endpoint_name, Body=b"{}")
    assert json.loads(answer["Body"].read())["name"] == "b"
    assert endpoint.delete(settings) is True
    assert ours(aws, settings) == ([], [])
    assert endpoint.delete(settings) is False


def test_a_model_that_never_answers_is_reported_and_can_be_replaced(settings: Settings, register: Register) -> None:
    with pytest.raises(DeploymentError, match=f"endpoint {settings.endpoint_name}: Failed: "):
        endpoint.deploy(approved(register, settings, "broken", TOY_EXIT="1"), settings)
    assert endpoint.deploy(approved(register, settings, "good"), settings)[0].action == "created"


def test_an_update_that_is_rolled_back_is_a_failure(aws: Any, settings: Settings, register: Register) -> None:
    (good,) = endpoint.deploy(approved(register, settings, "good"), settings)
    with pytest.raises(DeploymentError, match="rolled back"):
        endpoint.deploy(approved(register, settings, "broken", TOY_EXIT="1"), settings)
    there = aws.client("sagemaker").describe_endpoint(EndpointName=settings.endpoint_name)
    assert (there["EndpointStatus"], there["EndpointConfigName"]) == ("InService", good.config_name)


def test_a_prediction_goes_through_the_function_to_the_endpoint(settings: Settings, register: Register, front: Front) -> None:
    endpoint.deploy(approved(register, settings, "front"), settings)
    assert predict.in_front(settings) is False
    front(settings)
    assert predict.in_front(settings) is True
    assert predict.predict(["Austin"], settings)["name"] == "front"
    with pytest.raises(PredictionError, match="no such region"):
        error = {"code": "unknown_region", "field": "inputs[0].item_id", "message": "no such region"}
        predict.invoke({"status": 400, "message": json.dumps({"error": error})}, settings)


def test_a_function_that_does_not_exist_names_the_next_command(settings: Settings) -> None:
    with pytest.raises(DeploymentError, match="housing bootstrap"):
        predict.predict(["Austin"], settings)
