"""What happens to a model that passed: Register, CreateModel and the batch Forecast."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Literal

from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.pipeline_context import PipelineSession, _ModelStepArguments
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import ProcessingStep, TransformStep

from pipelines.approved import METADATA_KEY
from pipelines.definition.context import Context
from pipelines.definition.policies import cache, call_retries, job_retries
from pipelines.definition.processing import KEY_FILE, output
from pipelines.encryption import volume_key
from pipelines.registry import CPU_SPECIFICATION

CONTENT_TYPES = ["application/json", "application/jsonlines"]
CPU_INSTANCE_TYPES = ["ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.xlarge", "ml.c5.2xlarge"]
REALTIME_INSTANCE_TYPES = ["ml.g5.xlarge", "ml.g5.2xlarge", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.xlarge"]
TRANSFORM_INSTANCE_TYPES = ["ml.m5.xlarge", "ml.m5.2xlarge", "ml.g5.xlarge", "ml.g5.2xlarge"]

_REQUEST_SLOTS = {
    "CreateModel": ("create_model", "create_model_request"),
    "CreateModelPackage": ("create_model_package_from_containers", "create_model_package_request"),
}


def register(context: Context, combined: ProcessingStep, evaluated: ProcessingStep) -> ModelStep:
    """A model package that waits for a person's approval, with its metrics and where it came from."""
    statistics = Join(on="/", values=[output(evaluated, "evaluation"), "evaluation.json"])
    request = {
        "ModelPackageGroupName": context.settings.model_package_group,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [_container(context, combined)],
            "SupportedContentTypes": CONTENT_TYPES,
            "SupportedResponseMIMETypes": CONTENT_TYPES,
            "SupportedRealtimeInferenceInstanceTypes": REALTIME_INSTANCE_TYPES,
            "SupportedTransformInstanceTypes": TRANSFORM_INSTANCE_TYPES,
        },
        "AdditionalInferenceSpecifications": [
            {
                "Name": CPU_SPECIFICATION,
                "Description": "the same artifact in the image without CUDA",
                "Containers": [{**_container(context, combined), "Image": context.settings.cpu_serving_image_uri}],
                "SupportedContentTypes": CONTENT_TYPES,
                "SupportedResponseMIMETypes": CONTENT_TYPES,
                "SupportedRealtimeInferenceInstanceTypes": CPU_INSTANCE_TYPES,
                "SupportedTransformInstanceTypes": CPU_INSTANCE_TYPES,
            }
        ],
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": statistics}}},
        "CustomerMetadataProperties": {
            "content_key": JsonGet(step_name="Prepare", property_file=KEY_FILE, json_path="content_key"),
            "source_uri": context.parameters.source_uri,
            "code_version": context.parameters.code_version,
            METADATA_KEY: context.parameters.approved_uri,
        },
    }
    return raw_model_step("Register", "CreateModelPackage", request, context.session)


def create_model(context: Context, combined: ProcessingStep) -> ModelStep:
    """The model that the batch forecast runs, from the same image and artifact as the package."""
    request = {
        "ExecutionRoleArn": context.settings.role_arn,
        "PrimaryContainer": _container(context, combined),
        "EnableNetworkIsolation": context.settings.network_isolation,
    }
    return raw_model_step("CreateModel", "CreateModel", request, context.session)


def forecast(context: Context, created: ModelStep, prepared: ProcessingStep) -> TransformStep:
    """One answer per known region: batch transform over JSON Lines."""
    settings = context.settings
    transformer = Transformer(
        model_name=created.properties.ModelName,
        instance_count=1,
        instance_type=context.parameters.transform_instance_type,
        strategy="MultiRecord",
        assemble_with="Line",
        output_path=context.output_uri("forecast"),
        output_kms_key=settings.kms_key_id,
        accept="application/jsonlines",
        max_payload=6,
        sagemaker_session=context.session,
        volume_kms_key=volume_key(settings.transform_instance_type, settings),
    )
    step_args = transformer.transform(data=output(prepared, "requests"), content_type="application/jsonlines", split_type="Line")
    return TransformStep("Forecast", step_args=step_args, cache_config=cache(settings), retry_policies=job_retries())


def raw_model_step(
    name: str, operation: Literal["CreateModel", "CreateModelPackage"], request: Mapping[str, Any], session: PipelineSession
) -> ModelStep:
    """A model step from the plain API request, which may hold pipeline variables.

    The SDK's own way (ModelBuilder) lists the account's buckets, so the request is put where that way would leave it:
    in the private slots of `_ModelStepArguments`. This is the only place that knows them.
    """
    caller, slot = _REQUEST_SLOTS[operation]
    arguments = _ModelStepArguments(SimpleNamespace(sagemaker_session=session))
    arguments.caller_name = caller
    setattr(arguments, slot, dict(request))
    return ModelStep(name, step_args=arguments, retry_policies=call_retries())


def _container(context: Context, combined: ProcessingStep) -> dict[str, str | PipelineVariable]:
    artifact = Join(on="/", values=[output(combined, "model"), "model.tar.gz"])
    return {"Image": context.settings.serving_image_uri, "ModelDataUrl": artifact}
