"""What every step shares: caching, and which faults are worth another try."""

from __future__ import annotations

from sagemaker.mlops.workflow.retry import (
    RetryPolicy,
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig

from pipelines.settings import Settings


def cache(settings: Settings) -> CacheConfig:
    """Reuse the result of an identical step until `settings.cache_expiry` (ISO 8601) has passed."""
    return CacheConfig(enable_caching=True, expire_after=settings.cache_expiry)


def call_retries() -> list[RetryPolicy]:
    """For a call that the service throttled or dropped: seconds apart, four tries."""
    faults = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [StepRetryPolicy(exception_types=faults, interval_seconds=10, backoff_rate=2.0, max_attempts=4)]


def job_retries() -> list[RetryPolicy]:
    """For a job, also the lack of machines: minutes apart, for half an hour; then `housing run` takes the next choice of machines."""
    faults = [
        SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
        SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT,
        SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
    ]
    scarcity = SageMakerJobStepRetryPolicy(exception_types=faults, interval_seconds=60, backoff_rate=2.0, expire_after_mins=30)
    return [*call_retries(), scarcity]
