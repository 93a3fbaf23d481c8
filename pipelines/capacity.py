"""Which machines a run tries: Spot first, type after type, then the same types on demand. A run that is short of capacity takes the next.

Spot scarcity ends a training job in `MaxWaitTimeExceeded`, missing capacity in `CapacityError`, a quota in `ResourceLimitExceeded`. The
instance type is a parameter of the pipeline; the Spot flag is part of its definition, so on demand is a second build of it. Neither is part
of the step cache's key or of the address of the checkpoints: finished steps are reused, cut off ones go on from where they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines import prices
from pipelines.aws import client
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot

SIGNS = ("MaxWaitTimeExceeded", "CapacityError", "ResourceLimitExceeded", "InsufficientInstanceCapacity")
"""What the service says when it has no machine: as a secondary status, or in the reason of a failure."""


@dataclass(frozen=True)
class Choice:
    """The machines of the Train steps: with a GPU, and for the steps that gain nothing from one."""

    training_instance_type: str
    baselines_instance_type: str
    spot: bool

    def parameters(self) -> dict[str, str]:
        """As parameters of an execution."""
        return {"TrainingInstanceType": self.training_instance_type, "BaselinesInstanceType": self.baselines_instance_type}

    def described(self, settings: Settings) -> str:
        """The machines and their prices in one line; PriceError when one has none."""
        return f"{'Spot' if self.spot else 'on demand'}: {' and '.join(self._prices(settings))}"

    def _prices(self, settings: Settings) -> Iterator[str]:
        table = prices.load(settings.prices_file)
        for machine in dict.fromkeys((self.training_instance_type, self.baselines_instance_type)):
            full = table.sagemaker_usd_per_hour(machine)
            typical = f"about ${table.spot_training_usd_per_hour(machine):.3f}/h (on demand ${full:.3f}/h)"
            yield f"{machine} at {typical if self.spot else f'${full:.3f}/h'}"


def choices(settings: Settings) -> tuple[Choice, ...]:
    """In the order in which they are tried. Without `use_spot` all are on demand."""
    types = [(settings.training_instance_type, *settings.training_fallback_types)]
    types += [(settings.baselines_instance_type, *settings.baselines_fallback_types)]
    rungs = [tuple(names[min(index, len(names) - 1)] for names in types) for index in range(max(map(len, types)))]
    markets = (True, False) if settings.use_spot else (False,)
    return tuple(Choice(training, baselines, spot) for spot in markets for training, baselines in rungs)


def after(used: Choice, settings: Settings) -> Choice | None:
    """What is tried next, None when that was the last; what the settings do not list is followed by their first on demand."""
    listed = choices(settings)
    on_demand = tuple(choice for choice in listed if not choice.spot)
    rest = listed[listed.index(used) + 1 :] if used in listed else on_demand
    return rest[0] if rest else None


def shortage(final: Snapshot, settings: Settings) -> str:
    """Why an execution that ended lacked machines, in one line; empty when that is not what ended it."""
    for step in final.steps:
        if step.job_kind != "TrainingJob" or step.status == "Succeeded":
            continue
        job = _describe(step.job_name, settings)
        said = (str(job.get("SecondaryStatus", "")), str(job.get("FailureReason", "")), step.reason)
        sign = next((sign for sign in SIGNS for text in said if sign in text), "")
        if sign:
            machine = job.get("ResourceConfig", {}).get("InstanceType", "its machine")
            return f"{step.name} found no {machine} ({sign})"
    return next((f"{step.name}: {step.reason}" for step in final.steps if any(sign in step.reason for sign in SIGNS)), "")


def used_by(final: Snapshot, settings: Settings) -> Choice | None:
    """The machines of the Train steps of an execution, None when none of them ran."""
    jobs = [_describe(step.job_name, settings) for step in final.steps if step.job_kind == "TrainingJob" and not step.cached]
    if not jobs:
        return None
    from pipelines.execution import parameters_of

    given = parameters_of(final.execution_arn, settings)
    spot = any(job.get("EnableManagedSpotTraining", False) for job in jobs)
    training = given.get("TrainingInstanceType", settings.training_instance_type)
    return Choice(training, given.get("BaselinesInstanceType", settings.baselines_instance_type), spot)


def _describe(job_name: str, settings: Settings) -> dict[str, Any]:
    described: dict[str, Any] = client("sagemaker", settings).describe_training_job(TrainingJobName=job_name) if job_name else {}
    return described
