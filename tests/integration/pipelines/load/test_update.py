"""Replacing a model while fifty requests a second come in: a good one unseen, a bad one turned back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import endpoint, registry, scaling
from pipelines.errors import DeploymentError
from pipelines.settings import Settings

Register = Callable[..., str]


def approved(register: Register, settings: Settings, name: str, **environment: str) -> registry.ModelPackage:
    registry.approve(register(name, **environment), "", settings)
    return registry.newest(settings, "Approved")


def variant(aws: Any, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("sagemaker").describe_endpoint(EndpointName=settings.endpoint_name)["ProductionVariants"][0]
    return found


@pytest.fixture
def serving(register: Register, settings: Settings) -> endpoint.Deployment:
    """The endpoint with a good model on it."""
    (done,) = endpoint.deploy(approved(register, settings, "blue"), settings)
    return done


def test_a_good_model_takes_over_without_a_failed_request_and_keeps_the_capacity(
    aws: Any, settings: Settings, register: Register, serving: endpoint.Deployment, stream: Callable[..., Any]
) -> None:
    scaling.detach(settings.endpoint_name, settings)  # so that the quick auto scaler does not take the capacity back meanwhile
    grown = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    aws.client("sagemaker").update_endpoint_weights_and_capacities(EndpointName=settings.endpoint_name, DesiredWeightsAndCapacities=grown)
    with stream(settings.endpoint_name) as load:
        time.sleep(1)
        (done,) = endpoint.deploy(approved(register, settings, "green"), settings)
        time.sleep(1)

    assert done.action == "updated"
    assert load.failed == []
    assert [load.replies[0].name, load.replies[-1].name] == ["blue", "green"]
    assert len(load.replies) > 300
    assert (variant(aws, settings)["CurrentInstanceCount"], done.config_name != serving.config_name) == (3, True)
    green = sum(reply.name == "green" for reply in load.replies[50:300]) / 250
    assert 0.02 < green < 0.2, "a tenth of the traffic while the canary was watched"


@pytest.mark.parametrize(
    ("fault", "alarm"),
    [({"TOY_STATUS": "500"}, "errors"), ({"TOY_SLEEP": "1.5"}, "latency"), ({"TOY_EXIT": "1"}, "")],
    ids=["errors", "slow", "never answers"],
)
def test_a_bad_model_is_turned_back_reported_and_hurts_no_more_than_its_share(  # noqa: PLR0917 fixtures
    aws: Any,
    settings: Settings,
    register: Register,
    serving: endpoint.Deployment,
    stream: Callable[..., Any],
    fault: dict[str, str],
    alarm: str,
) -> None:
    package = approved(register, settings, "bad", **fault)
    settings = settings.model_copy(update={"max_latency_milliseconds": 1000})
    with stream(settings.endpoint_name) as load:
        with pytest.raises(DeploymentError, match="rolled back") as raised:
            endpoint.deploy(package, settings)
        turned_back = time.monotonic()
        time.sleep(1)

    assert serving.config_name in str(raised.value)
    if alarm:
        assert f"alarms: {settings.endpoint_name}-{alarm} (Threshold" in str(raised.value)
    assert all("bad is broken" in reply.error for reply in load.failed), "only what the canary answered failed"
    assert len(load.failed) <= 0.1 * len(load.replies) + 1
    assert not [reply for reply in load.failed if reply.sent > turned_back]
    assert {reply.name for reply in load.replies if reply.sent > turned_back} == {"blue"}
    sagemaker = aws.client("sagemaker")
    configs = sagemaker.list_endpoint_configs(NameContains=settings.endpoint_name)["EndpointConfigs"]
    assert [config["EndpointConfigName"] for config in configs] == [serving.config_name], "what the failed update made is gone"
    assert len(sagemaker.list_models(NameContains=settings.endpoint_name)["Models"]) == 1


@pytest.mark.parametrize("rollout", ["linear", "rolling"])
def test_every_other_way_of_replacing_loses_no_request(
    settings: Settings, register: Register, serving: endpoint.Deployment, stream: Callable[..., Any], rollout: str
) -> None:
    settings = settings.model_copy(update={"rollout": rollout, "canary_percent": 50, "bake_seconds": 60})
    with stream(settings.endpoint_name) as load:
        (done,) = endpoint.deploy(approved(register, settings, "green"), settings)
        time.sleep(0.5)

    assert (done.action, load.failed, load.replies[-1].name) == ("updated", [], "green")
