"""What one run of the pipeline will cost, from its definition alone, and a budget that it must keep to before it starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import prices, profile
from pipelines.cost.lines import Line, total
from pipelines.cost.machines import SECONDS_PER_HOUR, Job, jobs
from pipelines.errors import BudgetError
from pipelines.prices import Prices
from pipelines.profile import Usage
from pipelines.settings import Settings


@dataclass(frozen=True)
class RunEstimate:
    """The lines of one run, and the ceiling: what its jobs may cost at most before their own time limits end them."""

    lines: tuple[Line, ...]
    ceiling_usd: float

    @property
    def usd(self) -> float:
        return total(self.lines)


def estimate_run(definition: str, settings: Settings, parameters: Mapping[str, Any] | None = None) -> RunEstimate:
    """Nothing taken from the cache, no interruption, each step as long as the profile plans.

    Errors: PriceError when the price of a machine is not known.
    """
    table, usage = prices.load(settings.prices_file), profile.load(settings.profile).usage
    found = list(jobs(json.loads(definition), parameters))
    lines = [line for job in found for line in _lines(job, usage, table)]
    return RunEstimate(tuple(lines), sum(_ceiling(job, table) for job in found))


def require_budget(estimate: RunEstimate, max_usd: float) -> None:
    """BudgetError when the run is estimated to cost more than `max_usd`."""
    if estimate.usd > max_usd:
        dearest = max(estimate.lines, key=lambda line: line.usd)
        raise BudgetError(
            f"--max-usd {max_usd:g}: the run is estimated at ${estimate.usd:.2f}, nothing was started; the dearest step is "
            f"{dearest.what} (${dearest.usd:.2f}); raise --max-usd, or choose smaller machines"
        )


def _lines(job: Job, usage: Usage, table: Prices) -> list[Line]:
    minutes = {"Processing": usage.processing_minutes, "Training": usage.training_minutes, "Transform": usage.transform_minutes}[job.kind]
    hours = minutes.value / 60 * job.instances * job.times
    spot = job.spot and job.kind == "Training"
    hourly = table.spot_training_usd_per_hour(job.instance_type) if spot else table.sagemaker_usd_per_hour(job.instance_type)
    component = "batch" if job.kind == "Transform" else "training"
    line = Line(component, f"{job.step} on {job.instance_type}{' Spot' if spot else ''}", hours, "hours", hourly, minutes.why)
    volume = table.storage_usd_per_gib_month.ml_volume / table.hours_per_month
    return [line, Line("training", f"{job.step} volume", job.volume_gib * hours, "GiB hours", volume)] if job.volume_gib else [line]


def _ceiling(job: Job, table: Prices) -> float:
    """On demand, as Spot capacity may be as dear, up to the job's own limit of running time."""
    hours = job.max_seconds / SECONDS_PER_HOUR * job.instances * job.times
    volume = table.storage_usd_per_gib_month.ml_volume / table.hours_per_month
    return hours * (table.sagemaker_usd_per_hour(job.instance_type) + job.volume_gib * volume)
