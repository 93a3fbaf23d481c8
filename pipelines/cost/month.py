"""What a month costs under a profile, component by component."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipelines import prices, profile
from pipelines.cost.lines import Line, total
from pipelines.cost.run import RunEstimate, estimate_run
from pipelines.prices import Prices
from pipelines.profile import Usage
from pipelines.settings import Settings

KIB_PER_GIB = 2**20
MILLION = 1e6
FUNCTION_GIB = 0.5
ROLLBACK_ALARMS = 3


@dataclass(frozen=True)
class MonthEstimate:
    """A month of 730 hours: its lines, and from which prices they were made."""

    profile: str
    lines: tuple[Line, ...]
    prices: Prices

    @property
    def usd(self) -> float:
        return total(self.lines)


def estimate_month(definition: str, settings: Settings) -> MonthEstimate:
    """The month of `settings.profile`, with the machines that `settings` and the pipeline's `definition` choose.

    Errors: PriceError when the price of a machine is not known.
    """
    table, usage = prices.load(settings.prices_file), profile.load(settings.profile).usage
    lines = [
        *_endpoint(settings, usage, table),
        *_serverless(settings, usage, table),
        *_training(estimate_run(definition, settings), usage),
        *_batch(settings, usage, table),
        *_front_door(usage, table),
        *_storage(usage, table),
        *_monitoring(settings, usage, table),
    ]
    return MonthEstimate(settings.profile, tuple(line for line in lines if line.quantity), table)


def instance_hours(settings: Settings, usage: Usage, hours_per_month: float) -> float:
    """Hours of endpoint instances in a month: `busy_instances` in the busy hours, the minimum in the others."""
    busy = min(usage.busy_hours.value, hours_per_month)
    return busy * max(usage.busy_instances.value, settings.min_instances) + (hours_per_month - busy) * settings.min_instances


def _endpoint(settings: Settings, usage: Usage, table: Prices) -> Iterator[Line]:
    if settings.serving not in {"realtime", "async"}:
        return
    if settings.serving == "async":
        hours, why = usage.busy_hours.value * usage.busy_instances.value, "busy hours; no instance stands in the others"
    else:
        hours = instance_hours(settings, usage, table.hours_per_month)
        why = f"{usage.busy_instances.value:g} instances in {usage.busy_hours.value:g} busy hours, {settings.min_instances} in the others"
    hourly = table.sagemaker_usd_per_hour(settings.endpoint_instance_type)
    yield Line("endpoint", settings.endpoint_instance_type, hours, "hours", hourly, why)
    data = usage.gpu_requests.value * usage.kib_per_request.value / KIB_PER_GIB
    yield Line("endpoint", "data in and out", data, "GiB", table.requests.endpoint_data_usd_per_gib, usage.gpu_requests.why)


def _serverless(settings: Settings, usage: Usage, table: Prices) -> Iterator[Line]:
    if settings.serving != "serverless" and not (settings.cpu_tier and settings.serving != "batch"):
        return
    requests = usage.cpu_requests.value
    seconds = requests * usage.cpu_seconds_per_request.value * settings.serverless_memory_mb / 1024
    yield Line("cpu tier", f"{settings.serverless_memory_mb} MB serverless", seconds, "GiB seconds", table.serverless.usd_per_gib_second)
    data = requests * usage.kib_per_request.value / KIB_PER_GIB
    yield Line("cpu tier", "data in and out", data, "GiB", table.serverless.usd_per_gib_data, usage.cpu_requests.why)


def _training(run: RunEstimate, usage: Usage) -> Iterator[Line]:
    for line in run.lines:
        yield replace(line, quantity=line.quantity * usage.runs.value, why=f"{usage.runs.value:g} runs: {usage.runs.why}")


def _batch(settings: Settings, usage: Usage, table: Prices) -> Iterator[Line]:
    hourly = table.sagemaker_usd_per_hour(settings.endpoint_instance_type)
    yield Line("batch", settings.endpoint_instance_type, usage.gpu_batch_hours.value, "hours", hourly, usage.gpu_batch_hours.why)


def _front_door(usage: Usage, table: Prices) -> Iterator[Line]:
    requests, price = usage.gpu_requests.value + usage.cpu_requests.value, table.requests
    yield Line("front door", "Lambda requests", requests / MILLION, "million", price.lambda_usd_per_million)
    seconds = requests * usage.function_seconds.value * FUNCTION_GIB
    yield Line("front door", "Lambda time", seconds, "GiB seconds", price.lambda_usd_per_gib_second, usage.function_seconds.why)
    yield Line("front door", "HTTP API requests", requests / MILLION, "million", price.http_api_usd_per_million)


def _storage(usage: Usage, table: Prices) -> Iterator[Line]:
    yield Line("storage", "S3", usage.s3_gib.value, "GiB months", table.storage_usd_per_gib_month.s3, usage.s3_gib.why)
    yield Line("storage", "images", usage.image_gib.value, "GiB months", table.storage_usd_per_gib_month.ecr, usage.image_gib.why)


def _monitoring(settings: Settings, usage: Usage, table: Prices) -> Iterator[Line]:
    alarms = 0 if settings.serving in {"serverless", "batch"} else ROLLBACK_ALARMS
    yield Line("monitoring", "alarms", alarms, "alarms", table.requests.cloudwatch_alarm_usd_per_month, "the rollback alarms")
    yield Line("monitoring", "logs", usage.log_gib.value, "GiB", table.requests.cloudwatch_logs_usd_per_gib, usage.log_gib.why)
    yield Line("monitoring", "secrets", usage.secrets.value, "secrets", table.requests.secret_usd_per_month, usage.secrets.why)
    keys = 1 if settings.kms_key_id else 0
    yield Line("monitoring", "KMS keys", keys, "keys", table.requests.kms_key_usd_per_month, "HOUSING_KMS_KEY_ID")
