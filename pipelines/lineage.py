"""From an endpoint back to where its model came from: package, decision, data, code, image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipelines import endpoint_state as state
from pipelines import registry, versions
from pipelines.aws import client, is_absent, split_uri
from pipelines.errors import DeploymentError
from pipelines.registry import CPU_SPECIFICATION
from pipelines.settings import Settings


@dataclass(frozen=True)
class Origin:
    """Where the model of one variant came from.

    Attributes
    ----------
    variant, model_name, package_arn, version, status, reason : what runs, and who let it and why.
    execution : ARN of the pipeline execution that registered it, empty where the service does not say.
    image, image_digest : as referenced, and the digest behind it; empty where the registry does not know the tag.
    artifact_uri, evaluation_uri : model.tar.gz and evaluation.json.
    content_key, code_version, source_uri : of the run.
    source : the data's manifest (source.json): name, licence, vintage; empty when it is gone.
    """

    variant: str
    model_name: str
    package_arn: str
    version: int
    status: str
    reason: str
    execution: str
    image: str
    image_digest: str
    artifact_uri: str
    evaluation_uri: str
    content_key: str
    code_version: str
    source_uri: str
    source: dict[str, Any]


def lineage(endpoint_name: str, settings: Settings) -> list[Origin]:
    """One origin per variant, shadows included; DeploymentError when there is no such endpoint, or a model without a package."""
    sagemaker = client("sagemaker", settings)
    there = state.describe(sagemaker, endpoint_name)
    if there is None:
        raise DeploymentError(f"endpoint {endpoint_name}: does not exist; `housing status` lists those that do")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
    running = [*there.get("ProductionVariants", []), *there.get("ShadowProductionVariants", [])]
    resolved = {one["VariantName"]: one.get("DeployedImages", [{}])[0].get("ResolvedImage", "") for one in running}
    return [_origin(sagemaker, variant, resolved.get(variant["VariantName"], ""), settings) for variant in variants]


def _origin(sagemaker: Any, variant: dict[str, Any], resolved: str, settings: Settings) -> Origin:
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    reference = (model.get("Containers") or [model["PrimaryContainer"]])[0]
    facts = sagemaker.describe_model_package(ModelPackageName=state.package_of(sagemaker, variant["ModelName"]))
    package = registry.describe(facts["ModelPackageArn"], settings)
    on_cpu = reference.get("InferenceSpecificationName") == CPU_SPECIFICATION and package.cpu_container
    container = (package.cpu_container if on_cpu else None) or package.container
    image = container["Image"]
    known = resolved if "@" in resolved else versions.resolved(image, settings)
    return Origin(
        variant=variant["VariantName"],
        model_name=variant["ModelName"],
        package_arn=package.arn,
        version=package.version,
        status=package.status,
        reason=facts.get("ApprovalDescription", ""),
        execution=facts.get("MetadataProperties", {}).get("GeneratedBy", ""),
        image=image,
        image_digest=known.partition("@")[2],
        artifact_uri=container.get("ModelDataUrl", ""),
        evaluation_uri=package.evaluation_uri,
        content_key=package.metadata.get("content_key", ""),
        code_version=package.metadata.get("code_version", ""),
        source_uri=package.metadata.get("source_uri", ""),
        source=_manifest(package.metadata.get("source_uri", ""), settings),
    )


def _manifest(source_uri: str, settings: Settings) -> dict[str, Any]:
    if not source_uri:
        return {}
    bucket, key = split_uri(f"{source_uri.rstrip('/')}/source.json")
    try:
        manifest: dict[str, Any] = json.loads(client("s3", settings).get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if is_absent(error):
            return {}
        raise
    return manifest
