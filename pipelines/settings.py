"""Every value that a user may choose, in one typed object: the environment (HOUSING_*) over the profile over the defaults here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipelines.hardware import Hardware
from pipelines.hosting_settings import HostingSettings

REPOSITORY = "housing-crisis-ml"
"""The image repository; its tags `train`, `serve` and `serve-cpu` are targets of one Dockerfile."""


def _bucket(known: dict[str, Any]) -> str:
    return f"housing-{known['account_id']}-{known['region']}"


def _role(name: str, known: dict[str, Any]) -> str:
    return f"arn:aws:iam::{known['account_id']}:role/{name}"


def _image(tag: str, known: dict[str, Any]) -> str:
    return f"{known['account_id']}.dkr.ecr.{known['region']}.amazonaws.com/{REPOSITORY}:{tag}"


class Settings(HostingSettings):
    """What to build, where, on which machines, and how good it must be.

    `Settings()` reads the environment; `Settings(account_id="...")` derives bucket, role and images from that account.
    Durations are in seconds, sizes in GiB, ratios and coverages are fractions.
    """

    # Where
    region: str = Field(default="us-east-1", validation_alias=AliasChoices("HOUSING_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"))
    account_id: str = Field(default="123456789012", pattern=r"^\d{12}$")
    bucket: str = Field(default_factory=_bucket)
    artifact_bucket: str = Field(default_factory=lambda known: f"housing-artifacts-{known['account_id']}-{known['region']}")
    role_arn: str = Field(default_factory=lambda known: _role("housing-sagemaker", known))
    ingest_role_arn: str = Field(default_factory=lambda known: known["role_arn"])
    deployment_role_arn: str | None = None
    image_uri: str = Field(default_factory=lambda known: _image("train", known))
    serving_image_uri: str = Field(default_factory=lambda known: _image("serve", known))
    cpu_serving_image_uri: str = Field(default_factory=lambda known: _image("serve-cpu", known))
    kms_key_id: str | None = None
    network_isolation: bool = True

    # Names
    pipeline_name: str = "housing-forecast"
    model_package_group: str = "housing-forecast"
    endpoint_name: str = "housing-forecast"
    cpu_endpoint_name: str = Field(default_factory=lambda known: f"{known['endpoint_name']}-cpu")
    function_name: str = "housing-predict"
    experiment_name: str | None = None
    eks_cluster: str | None = None

    # Machines
    processing_instance_type: str = "ml.m5.xlarge"
    prepare_hosts: PositiveInt = 1
    baselines_instance_type: str = "ml.m5.xlarge"
    training_instance_type: str = "ml.g5.2xlarge"
    training_fallback_types: tuple[str, ...] = ("ml.g5.xlarge", "ml.g4dn.xlarge")
    baselines_fallback_types: tuple[str, ...] = ("ml.m5.2xlarge",)
    training_instance_count: PositiveInt = 1
    distribute: Literal["origins", "rows"] = "origins"
    transform_instance_type: str = "ml.m5.xlarge"
    volume_size_gib: PositiveInt = 30
    use_spot: bool = True
    max_run_seconds: PositiveInt = 4 * 3600
    max_wait_seconds: PositiveInt = 8 * 3600
    parallel_steps: PositiveInt = 4
    cache_expiry: str = Field(default="P30D", pattern=r"^P")

    # What is trained: one Train step per name, each with the members that it fits
    train_steps: dict[str, tuple[str, ...]] = {  # noqa: RUF012 pydantic copies defaults
        "baselines": ("naive", "drift", "momentum"),
        "linear": ("linear",),
        "xgboost": ("xgboost",),
        "catboost": ("catboost",),
        "neural": ("neural",),
        "statistical": ("statistical", "trend"),
    }
    horizon_months: PositiveInt = 12
    origins: PositiveInt = 8
    seed: NonNegativeInt = 7
    ablation: bool = True

    # How good it must be to be registered: quantile loss as a share of the best baseline's, share of prices in the 80% interval,
    # calibration error of the drawdown probabilities
    max_loss_ratio: PositiveFloat = 1.0
    min_coverage80: PositiveFloat = 0.70
    max_coverage80: PositiveFloat = 0.90
    max_calibration_error: PositiveFloat = 0.15

    @property
    def prefix(self) -> str:
        """The S3 prefix under which everything of ours lives, without a slash at the end."""
        return f"s3://{self.bucket}/housing"

    def hardware(self, instance_type: str) -> Hardware:
        """The machine of that name; PriceError when the table of prices lacks it."""
        from pipelines import prices

        machine = prices.load(self.prices_file).machine(instance_type)
        return Hardware(machine.gpus, machine.local_disk_gib)
