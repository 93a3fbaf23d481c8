"""What a user of SageMaker's own SDK does, unmodified; prints what came of it as JSON. Run by test_sdk.py in a process of its own."""

from __future__ import annotations

import json
import sys
from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, ProcessingJob, TrainingJob
from sagemaker.core.shapes import (
    ContainerDefinition,
    ModelDataSource,
    ProcessingOutput,
    ProcessingS3Output,
    ProductionVariant,
    S3ModelDataSource,
)
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig

IMAGE, ROLE = sys.argv[1], sys.argv[2]


def trained() -> dict[str, Any]:
    trainer = ModelTrainer(
        role=ROLE,
        training_image=IMAGE,
        base_job_name="sdk-train",
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path="s3://workshop/sdk"),
        hyperparameters={"epochs": "2"},
    )
    trainer.train(input_data_config=[InputData(channel_name="train", data_source="s3://workshop/sdk-input/")], wait=True, logs=True)
    job = TrainingJob.get(next(iter(TrainingJob.get_all(name_contains="sdk-train"))).training_job_name)
    return {"status": job.training_job_status, "model": job.model_artifacts.s3_model_artifacts}


def piped() -> dict[str, Any]:
    processor = Processor(
        image_uri=IMAGE,
        role=ROLE,
        entrypoint=["sh", "-c", "echo 1 > $SAGEMAKER_BASE_DIR/processing/out/x"],
        instance_count=1,
        instance_type="ml.m5.large",
        sagemaker_session=PipelineSession(),
    )
    target = ProcessingS3Output(s3_uri="s3://workshop/sdk-out", local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob")
    step_args = processor.run(outputs=[ProcessingOutput(output_name="out", s3_output=target)])
    pipeline = Pipeline("sdk-pipeline", steps=[ProcessingStep("Only", step_args=step_args)])
    pipeline.upsert(role_arn=ROLE)
    pipeline.upsert(role_arn=ROLE)
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=60)
    return {"status": execution.describe()["PipelineExecutionStatus"], "steps": [step["StepStatus"] for step in execution.list_steps()]}


def modelled() -> dict[str, Any]:
    container = ContainerDefinition(image=IMAGE, model_data_url="s3://workshop/models/none.tar.gz")
    model = Model.create(model_name="sdk-model", primary_container=container, execution_role_arn=ROLE)
    found = [item.model_name for item in Model.get_all(name_contains="sdk-model")]
    model.delete()
    jobs = [job.processing_job_status for job in ProcessingJob.get_all(name_contains="pipelines-")]
    return {"found": found, "left": [item.model_name for item in Model.get_all(name_contains="sdk-model")], "jobs": jobs}


def hosted() -> dict[str, Any]:
    source = S3ModelDataSource(s3_uri="s3://workshop/sdk-model/", s3_data_type="S3Prefix", compression_type="None")
    container = ContainerDefinition(image=IMAGE, model_data_source=ModelDataSource(s3_data_source=source))
    Model.create(model_name="sdk-hosted", primary_container=container, execution_role_arn=ROLE)
    variant = ProductionVariant(variant_name="all", model_name="sdk-hosted", instance_type="ml.m5.large", initial_instance_count=1)
    EndpointConfig.create(endpoint_config_name="sdk-hosted", production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name="sdk-hosted", endpoint_config_name="sdk-hosted")
    endpoint.wait_for_status("InService", poll=1)
    answer = endpoint.invoke(body=b"rose", content_type="text/plain")
    endpoint.delete()
    return {"answer": answer.body.read().decode() if hasattr(answer.body, "read") else str(answer.body)}


sys.stdout.write("\n" + json.dumps({"trained": trained(), "piped": piped(), "modelled": modelled(), "hosted": hosted()}) + "\n")
