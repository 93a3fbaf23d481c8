"""The requests behind an endpoint: model and configuration, from settings alone, named by what they hold."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pipelines.encryption import volume_key
from pipelines.errors import DeploymentError
from pipelines.registry import CPU_SPECIFICATION, ModelPackage
from pipelines.serving import Tier
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.settings import Settings

VARIANT = "main"


def digest(*facts: Any) -> str:
    """Twelve hexadecimal digits that change with any of the facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def container(package: ModelPackage, tier: Tier) -> dict[str, Any]:
    """What the tier runs of the package; DeploymentError when the package has no image for it."""
    if tier.hardware == "gpu":
        return package.container
    if package.cpu_container is not None:
        return package.cpu_container
    raise DeploymentError(
        f"endpoint {tier.endpoint_name}: version {package.version} was registered without a CPU image; "
        "run `housing run` and approve the new one"
    )


def model_request(package: ModelPackage, tier: Tier, settings: Settings) -> dict[str, Any]:
    """CreateModel: the package's image for the tier, isolated from the network where the service allows it."""
    serverless = tier.serving == "serverless"
    packaged: dict[str, Any] = {"ModelPackageName": package.arn}
    if tier.hardware == "cpu":
        packaged["InferenceSpecificationName"] = CPU_SPECIFICATION
    request = {
        "Containers": [packaged],
        "ExecutionRoleArn": settings.role_arn,
        "EnableNetworkIsolation": settings.network_isolation and not serverless,
        **vpc(settings, allowed=not serverless),
    }
    facts = (container(package, tier), tier.hardware, {key: value for key, value in request.items() if key != "Containers"})
    return {"ModelName": f"{tier.endpoint_name}-{digest(*facts)}", **request, "Tags": tag_list(settings)}


def vpc(settings: Settings, allowed: bool = True) -> dict[str, Any]:
    """The VpcConfig of a model, empty where there is none."""
    if not settings.vpc_subnets or not allowed:
        return {}
    return {"VpcConfig": {"Subnets": list(settings.vpc_subnets), "SecurityGroupIds": list(settings.vpc_security_groups)}}


def config_request(model_name: str, tier: Tier, settings: Settings) -> dict[str, Any]:
    """CreateEndpointConfig with one variant."""
    request = {"ProductionVariants": [variant(VARIANT, model_name, tier, settings)], **around(tier, settings)}
    return named(tier.endpoint_name, request, settings)


def named(endpoint_name: str, request: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The request with a name made of its content, so that the same content is the same configuration, and with tags."""
    return {"EndpointConfigName": f"{endpoint_name}-{digest(request)}", **request, "Tags": tag_list(settings)}


def variant(name: str, model_name: str, tier: Tier, settings: Settings, weight: float = 1.0) -> dict[str, Any]:
    """One production variant of the tier."""
    base = {"VariantName": name, "ModelName": model_name, "InitialVariantWeight": weight}
    if tier.serving == "serverless":
        limits = {"MemorySizeInMB": settings.serverless_memory_mb, "MaxConcurrency": settings.serverless_max_concurrency}
        return base | {"ServerlessConfig": limits}
    on_instances = base | {
        "InstanceType": tier.instance_type,
        "InitialInstanceCount": tier.instances,
        "ContainerStartupHealthCheckTimeoutInSeconds": settings.startup_timeout_seconds,
        "ModelDataDownloadTimeoutInSeconds": settings.download_timeout_seconds,
    }
    # without it a GPU instance comes up with driver 470, on which CUDA 13 does not start
    return on_instances | ({"InferenceAmiVersion": settings.inference_ami_version} if tier.hardware == "gpu" else {})


def around(tier: Tier, settings: Settings) -> dict[str, Any]:
    """What a configuration holds besides its variants."""
    around: dict[str, Any] = {}
    key = {"KmsKeyId": settings.kms_key_id} if settings.kms_key_id else {}
    if tier.serving != "serverless" and volume_key(tier.instance_type, settings):
        around |= key
    if tier.serving == "realtime" and settings.data_capture_percent:
        around["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": settings.data_capture_percent,
            "DestinationS3Uri": f"{settings.prefix}/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
            **key,
        }
    if tier.serving == "async":
        places = {"S3OutputPath": f"{settings.prefix}/async/answers", "S3FailurePath": f"{settings.prefix}/async/failures"}
        around["AsyncInferenceConfig"] = {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": settings.async_max_concurrency},
            "OutputConfig": {**places, **key},
        }
    return around
