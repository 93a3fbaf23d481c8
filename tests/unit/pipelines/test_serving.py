"""One setting chooses where the model answers; what the service would refuse is said first."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.endpoint_config import config_request, model_request
from pipelines.errors import DeploymentError, PriceError
from pipelines.plan import price_of
from pipelines.registry import ModelPackage
from pipelines.serving import refusals, require_accepted, tiers
from pipelines.settings import Settings

GPU, CPU = {"Image": "registry/m:serve", "ModelDataUrl": "s3://b/m"}, {"Image": "registry/m:serve-cpu", "ModelDataUrl": "s3://b/m"}
PACKAGE = ModelPackage("arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1", 1, "Approved", GPU, {}, "", CPU)


def main_config(**chosen: Any) -> dict[str, Any]:
    settings = Settings(**chosen)
    return config_request("m", tiers(settings)[0], settings)


def test_the_default_is_a_gpu_endpoint_with_a_serverless_one_beside_it() -> None:
    gpu, cpu = tiers(Settings())

    assert (gpu.serving, gpu.hardware, gpu.instance_type, gpu.minimum, gpu.maximum) == ("realtime", "gpu", "ml.g5.xlarge", 1, 10)
    assert (cpu.endpoint_name, cpu.serving, cpu.hardware) == ("housing-forecast-cpu", "serverless", "cpu")


def test_one_setting_chooses() -> None:
    assert [tier.serving for tier in tiers(Settings(serving="serverless"))] == ["serverless"]
    assert [tier.serving for tier in tiers(Settings(serving="async", cpu_tier=False))] == ["async"]
    assert tiers(Settings(serving="batch")) == ()
    assert tiers(Settings(endpoint_instance_type="ml.m5.xlarge"))[0].hardware == "cpu"


def test_each_tier_runs_its_own_image_of_the_package() -> None:
    settings = Settings()
    gpu, cpu = (model_request(PACKAGE, tier, settings) for tier in tiers(settings))

    assert gpu["Containers"] == [{"ModelPackageName": PACKAGE.arn}]
    assert cpu["Containers"] == [{"ModelPackageName": PACKAGE.arn, "InferenceSpecificationName": "cpu"}]
    assert (gpu["EnableNetworkIsolation"], cpu["EnableNetworkIsolation"]) == (True, False)


def test_a_package_without_a_cpu_image_is_refused_before_anything_is_made() -> None:
    old = ModelPackage(PACKAGE.arn, 1, "Approved", GPU, {}, "")
    with pytest.raises(DeploymentError, match="version 1 was registered without a CPU image; run `housing run`"):
        model_request(old, tiers(Settings(serving="serverless"))[0], Settings())


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ({"vpc_subnets": ("s",), "vpc_security_groups": ("g",)}, "HOUSING_VPC_SUBNETS"),
        ({"network_isolation": True}, "HOUSING_NETWORK_ISOLATION"),
        ({"data_capture_percent": 5}, "HOUSING_DATA_CAPTURE_PERCENT"),
    ],
)
def test_what_serverless_refuses_is_said_with_the_remedy(chosen: dict[str, Any], name: str) -> None:
    settings = Settings(serving="serverless", **chosen)
    (fault,) = refusals(tiers(settings)[0], settings)
    assert fault.startswith(f"{name}: a serverless endpoint can't have it")
    assert "HOUSING_SERVING=realtime" in fault
    with pytest.raises(DeploymentError, match=name):
        require_accepted(tiers(settings)[0], settings)


def test_isolation_by_default_is_no_fault_of_a_serverless_tier_but_isolation_on_demand_is() -> None:
    assert refusals(tiers(Settings())[1], Settings()) == []
    asked = Settings(network_isolation=True)
    assert "HOUSING_CPU_TIER=false" in refusals(tiers(asked)[1], asked)[0]


def test_a_vpc_needs_both_halves() -> None:
    half = Settings(vpc_subnets=("s",), cpu_tier=False)
    assert "give both or none" in refusals(tiers(half)[0], half)[0]


def test_bounds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(DeploymentError, match="HOUSING_MIN_INSTANCES 4: is above HOUSING_MAX_INSTANCES 2"):
        tiers(Settings(min_instances=4, max_instances=2))


def test_a_gpu_variant_names_the_host_image_whose_driver_cuda_needs_and_its_timeouts() -> None:
    (variant,) = main_config(startup_timeout_seconds=600)["ProductionVariants"]

    assert variant["InferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert (variant["ContainerStartupHealthCheckTimeoutInSeconds"], variant["ModelDataDownloadTimeoutInSeconds"]) == (600, 900)
    (cpu,) = main_config(endpoint_instance_type="ml.m5.xlarge")["ProductionVariants"]
    assert "InferenceAmiVersion" not in cpu


def test_a_key_goes_where_the_service_takes_one() -> None:
    assert "KmsKeyId" not in main_config(kms_key_id="k"), "ml.g5 encrypts its own disk, and the service refuses a key"
    assert main_config(kms_key_id="k", endpoint_instance_type="ml.m5.xlarge")["KmsKeyId"] == "k"
    captured = main_config(kms_key_id="k", data_capture_percent=20)["DataCaptureConfig"]
    assert (captured["KmsKeyId"], captured["InitialSamplingPercentage"]) == ("k", 20)
    assert main_config(kms_key_id="k", serving="async")["AsyncInferenceConfig"]["OutputConfig"]["KmsKeyId"] == "k"


def test_the_same_settings_are_the_same_configuration_and_other_machines_another() -> None:
    names = {main_config()["EndpointConfigName"], main_config()["EndpointConfigName"]}
    names |= {main_config(endpoint_instance_type="ml.g5.2xlarge")["EndpointConfigName"]}

    assert len(names) == 2
    assert main_config(tags={"team": "a"})["EndpointConfigName"] in names, "a tag alone replaces no fleet"


def test_everything_is_tagged_and_the_users_tags_win() -> None:
    tagged = main_config(tags={"team": "a", "profile": "mine"})["Tags"]

    assert {"Key": "project", "Value": "housing-crisis-ml"} in tagged
    assert {"Key": "profile", "Value": "mine"} in tagged


def test_prices_are_in_words() -> None:
    settings = Settings()
    gpu, cpu = tiers(settings)
    assert price_of(gpu, settings) == "$1.408 an hour and instance: $1,028 a month at 1, $10,278 at 10 ml.g5.xlarge"
    assert price_of(cpu, settings) == "$8.00 per million requests of 0.1 s at 4096 MB, nothing while idle"
    with pytest.raises(PriceError):
        tiers(Settings(endpoint_instance_type="ml.x9.huge"))
