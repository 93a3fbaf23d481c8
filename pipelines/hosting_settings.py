"""The settings of what serves: where the model answers, how it is replaced, and how it follows the load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipelines import profile
from pipelines.profile import ProfileName

Serving = Literal["realtime", "serverless", "async", "batch"]
Rollout = Literal["canary", "linear", "all_at_once", "rolling"]

_TimeoutSeconds = Annotated[int, Field(ge=60, le=3600)]
_WaitSeconds = Annotated[int, Field(ge=0, le=3600)]
_Share = Annotated[float, Field(gt=0, le=1)]


class ProfileSource(PydanticBaseSettingsSource):
    """The values of the chosen profile: below what the caller and the environment say, above the defaults."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Not used: the profile is read as a whole."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        name = self.current_state.get("profile", profile.DEFAULT)
        return profile.load(name).values() if name in profile.NAMES else {}


class HostingSettings(BaseSettings):
    """What serves. Durations are in seconds unless named otherwise, shares and rates are fractions."""

    model_config = SettingsConfigDict(env_prefix="HOUSING_", frozen=True, extra="ignore", populate_by_name=True)

    profile: ProfileName = profile.DEFAULT
    prices_file: Path | None = None
    tags: dict[str, str] = {}
    secrets: tuple[str, ...] = ()

    # Where the model answers
    serving: Serving = "realtime"
    cpu_tier: bool = True
    endpoint_instance_type: str = "ml.g5.xlarge"
    endpoint_instance_count: PositiveInt = 1
    cpu_instance_type: str = "ml.m5.xlarge"
    serverless_memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 4096
    serverless_max_concurrency: Annotated[int, Field(ge=1, le=200)] = 20
    async_max_concurrency: PositiveInt = 4
    inference_ami_version: str = "al2023-ami-sagemaker-inference-gpu-4-1"
    startup_timeout_seconds: _TimeoutSeconds = 900
    download_timeout_seconds: _TimeoutSeconds = 900
    data_capture_percent: Annotated[int, Field(ge=0, le=100)] = 0
    vpc_subnets: tuple[str, ...] = ()
    vpc_security_groups: tuple[str, ...] = ()

    # How all is forecast at once
    batch_payload_mb: Annotated[int, Field(ge=1, le=100)] = 6
    batch_concurrency: PositiveInt = 2
    batch_retries: Annotated[int, Field(ge=0, le=3)] = 3

    # How it is replaced
    rollout: Rollout = "canary"
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 10
    bake_seconds: _WaitSeconds = 300
    termination_wait_seconds: _WaitSeconds = 60
    rollout_timeout_seconds: Annotated[int, Field(ge=600, le=28800)] = 3600
    max_error_rate: _Share = 0.01
    max_unanswered_rate: _Share = 0.5
    max_latency_milliseconds: PositiveInt = 2000

    # How it follows the load
    min_instances: PositiveInt = 1
    max_instances: PositiveInt = 10
    scaling_metric: Literal["concurrency", "invocations"] = "concurrency"
    measured_requests_per_second: PositiveFloat = 20.0
    measured_latency_milliseconds: PositiveFloat = 66.0
    scaling_headroom: _Share = 0.7
    scale_out_cooldown_seconds: NonNegativeInt = 60
    scale_in_cooldown_seconds: NonNegativeInt = 300
    off_hours_start: str | None = Field(default=None, pattern=r"^(cron|rate|at)\(.+\)$")
    off_hours_end: str | None = Field(default=None, pattern=r"^(cron|rate|at)\(.+\)$")
    off_hours_max_instances: PositiveInt = 1

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 no file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the caller says, then the environment, then the profile."""
        return init_settings, env_settings, ProfileSource(settings_cls)
