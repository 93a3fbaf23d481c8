"""The Train steps: one per name, on managed Spot, each with its own checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.shapes import MetricDefinition
from sagemaker.core.training.configs import CheckpointConfig, Compute, InputData, Networking, OutputDataConfig, StoppingCondition
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.train import ModelTrainer

from pipelines.definition import metrics
from pipelines.definition.context import Context
from pipelines.definition.policies import cache, job_retries
from pipelines.definition.processing import KEY_FILE, output
from pipelines.eks.train_steps import LIGHT_STEPS, checkpoint_name
from pipelines.eks.train_steps import hyperparameters as chosen
from pipelines.encryption import volume_key
from pipelines.settings import Settings

CPU_STEPS = frozenset({"baselines", "linear", "statistical"})
"""Train steps that gain nothing from a GPU."""


def train(context: Context, prepared: ProcessingStep, name: str, members: Sequence[str]) -> TrainingStep:
    """Fit `members` and backtest them: the step `Train-NAME`."""
    settings = context.settings
    hyperparameters = chosen(members, settings.seed, settings.distribute)
    trainer = ModelTrainer(
        sagemaker_session=context.session,
        role=settings.role_arn,
        training_image=settings.image_uri,
        compute=_compute(context, name),
        networking=Networking(enable_network_isolation=settings.network_isolation),
        stopping_condition=_stopping(settings),
        checkpoint_config=CheckpointConfig(s3_uri=_checkpoints(settings, name, hyperparameters), local_path="/opt/ml/checkpoints"),
        output_data_config=OutputDataConfig(s3_output_path=context.output_uri("train"), kms_key_id=settings.kms_key_id),
        hyperparameters=hyperparameters,
    )
    trainer.with_metric_definitions([MetricDefinition(name=metric, regex=metrics.regex(metric)) for metric in metrics.NAMES])
    channel = InputData(channel_name="panel", data_source=output(prepared, "prepared"))
    return TrainingStep(
        f"Train-{name}",
        step_args=trainer.train(input_data_config=[channel]),
        cache_config=cache(settings),
        retry_policies=job_retries(),
    )


def _compute(context: Context, name: str) -> Compute:
    settings, parameters = context.settings, context.parameters
    on_cpu = name in CPU_STEPS
    default = settings.baselines_instance_type if on_cpu else settings.training_instance_type
    return Compute(
        instance_type=parameters.baselines_instance_type if on_cpu else parameters.training_instance_type,
        instance_count=1 if name in LIGHT_STEPS else settings.training_instance_count,
        volume_size_in_gb=settings.volume_size_gib,
        volume_kms_key_id=volume_key(default, settings),
        enable_managed_spot_training=settings.use_spot,
    )


def _stopping(settings: Settings) -> StoppingCondition:
    if not settings.use_spot:
        return StoppingCondition(max_runtime_in_seconds=settings.max_run_seconds)
    return StoppingCondition(max_runtime_in_seconds=settings.max_run_seconds, max_wait_time_in_seconds=settings.max_wait_seconds)


def _checkpoints(settings: Settings, name: str, hyperparameters: Mapping[str, str]) -> PipelineVariable:
    """Where the checkpoints of exactly this training live: its data and plan (the key of Prepare), its image, its hyperparameters."""
    content_key = JsonGet(step_name="Prepare", property_file=KEY_FILE, json_path="content_key")
    return Join(on="/", values=[f"{settings.prefix}/checkpoints", content_key, checkpoint_name(name, settings.image_uri, hyperparameters)])
