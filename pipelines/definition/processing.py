"""The Processing steps: Ingest, Prepare, Ensemble and Evaluate, each one module of `training.jobs` in the container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep

from pipelines.definition.context import Context
from pipelines.definition.policies import cache, job_retries
from pipelines.encryption import volume_key

ROOT = "/opt/ml/processing"
SHARDS = "shards"
"""The regions of the panel in several objects, each of which goes to one host of Prepare."""
KEY_FILE = PropertyFile(name="key", output_name="key", path="key.json")
EVALUATION_FILE = PropertyFile(name="evaluation", output_name="evaluation", path="evaluation.json")

Address: TypeAlias = str | PipelineVariable


def ingest(context: Context) -> ProcessingStep:
    """The source as uploaded -> a validated panel, in as many shards as Prepare has hosts."""
    hosts = context.settings.prepare_hosts
    outputs, arguments = (["panel", SHARDS], ["--shards", str(hosts)]) if hosts > 1 else (["panel"], [])
    source = {"source": context.parameters.source_uri}
    return _step(context, "Ingest", inputs=source, outputs=outputs, arguments=arguments, role=context.settings.ingest_role_arn)


def prepare(context: Context, panel: ProcessingStep) -> ProcessingStep:
    """The panel -> the plan of the backtest, the requests of the batch forecast, and the content key."""
    parameters, hosts = context.parameters, context.settings.prepare_hosts
    names = ["panel", SHARDS] if hosts > 1 else ["panel"]
    return _step(
        context,
        "Prepare",
        inputs={name: output(panel, name) for name in names},
        outputs=["prepared", "requests", "key"],
        arguments=["--horizon", parameters.horizon.to_string(), "--origins", parameters.origins.to_string()],
        property_files=[KEY_FILE],
        hosts=hosts,
    )


def ensemble(context: Context, prepared: ProcessingStep, trained: Mapping[str, TrainingStep]) -> ProcessingStep:
    """The fitted members and their backtests -> the artifact and the backtest of the combination."""
    members = {f"train-{name}": step.properties.ModelArtifacts.S3ModelArtifacts for name, step in trained.items()}
    return _step(context, "Ensemble", inputs={"panel": output(prepared, "prepared"), **members}, outputs=["model", "backtest"])


def evaluate(context: Context, prepared: ProcessingStep, combined: ProcessingStep) -> ProcessingStep:
    """The backtest, held against the bars and the approved model -> evaluation.json, which the gate reads, and the report."""
    inputs = {
        "panel": output(prepared, "prepared"),
        "backtest": output(combined, "backtest"),
        "model": output(combined, "model"),
        "approved": context.parameters.approved_uri,
    }
    parameters = context.parameters
    bars = {
        "--max-loss-ratio": parameters.max_loss_ratio,
        "--min-coverage80": parameters.min_coverage80,
        "--max-coverage80": parameters.max_coverage80,
        "--max-calibration-error": parameters.max_calibration_error,
    }
    arguments: list[Address] = [word for name, bar in bars.items() for word in (name, bar.to_string())]
    arguments += ["--ablation"] * context.settings.ablation
    return _step(context, "Evaluate", inputs=inputs, outputs=["evaluation"], arguments=arguments, property_files=[EVALUATION_FILE])


def output(step: ProcessingStep, name: str) -> PipelineVariable:
    """The S3 address of the named output, known when the step has run."""
    address: PipelineVariable = step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri
    return address


def _step(
    context: Context,
    name: str,
    *,
    inputs: Mapping[str, Address],
    outputs: Sequence[str],
    arguments: Sequence[Address] = (),
    property_files: Sequence[PropertyFile] = (),
    hosts: int = 1,
    role: str | None = None,
) -> ProcessingStep:
    settings = context.settings
    processor = Processor(
        role=role or settings.role_arn,
        image_uri=settings.image_uri,
        instance_count=hosts,
        instance_type=context.parameters.processing_instance_type,
        entrypoint=["python", "-m", f"training.jobs.{name.lower()}"],
        volume_size_in_gb=settings.volume_size_gib,
        volume_kms_key=volume_key(settings.processing_instance_type, settings),
        output_kms_key=settings.kms_key_id,
        max_runtime_in_seconds=settings.max_run_seconds,
        sagemaker_session=context.session,
        network_config=NetworkConfig(enable_network_isolation=settings.network_isolation),
    )
    step_args = processor.run(
        inputs=[_input(channel, address) for channel, address in inputs.items()],
        outputs=[_output(channel, context.output_uri(name.lower(), channel)) for channel in outputs],
        arguments=list(arguments) or None,
    )
    return ProcessingStep(
        name,
        step_args=step_args,
        property_files=list(property_files),
        cache_config=cache(settings),
        retry_policies=job_retries(),
    )


def _input(name: str, address: Address) -> ProcessingInput:
    source = ProcessingS3Input(
        s3_uri=address,
        local_path=f"{ROOT}/input/{name}",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type="ShardedByS3Key" if name == SHARDS else "FullyReplicated",
    )
    return ProcessingInput(input_name=name, s3_input=source)


def _output(name: str, address: Address) -> ProcessingOutput:
    target = ProcessingS3Output(s3_uri=address, local_path=f"{ROOT}/output/{name}", s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=target)
