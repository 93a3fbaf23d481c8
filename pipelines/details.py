"""What is worth knowing of the job behind a step while it runs: Spot or not, interruptions, billable seconds, money, its last log line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import logs, prices
from pipelines.aws import client
from pipelines.cost.execution import cost_of_job, describe_job
from pipelines.errors import PriceError
from pipelines.settings import Settings
from pipelines.snapshot import FINISHED, Snapshot, StepState


@dataclass(frozen=True)
class Detail:
    """The job of one step.

    Attributes
    ----------
    market : "Spot", "on demand".
    interruptions : how often its Spot instance was taken away.
    billable_seconds : so far; the service counts what Spot saves here when the job has ended.
    usd : so far, None when the machine has no price.
    line : the newest line of its log.
    """

    market: str
    interruptions: int
    billable_seconds: float
    usd: float | None
    line: str


class Details:
    """Asks for the jobs of an execution's steps; a finished one is asked for once."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._sagemaker = settings, client("sagemaker", settings)
        self._prices = prices.load(settings.prices_file)
        self._known: dict[str, Detail] = {}

    def of(self, current: Snapshot) -> dict[str, Detail]:
        """Step -> detail, for the steps that have a job of their own in this execution."""
        jobs = [step for step in current.steps if step.job_name and not step.cached]
        return {step.name: self._known.get(step.job_name) or self._look(step) for step in jobs}

    def _look(self, step: StepState) -> Detail:
        job = describe_job(step, self._sagemaker)
        spot = bool(job.get("EnableManagedSpotTraining", False))
        seconds, usd = self._cost(step, job, spot)
        interruptions = sum(item["Status"] == "Interrupted" for item in job.get("SecondaryStatusTransitions", []))
        line = logs.last_line(step.job_kind, step.job_name, self._settings)
        detail = Detail("Spot" if spot else "on demand", interruptions, seconds, usd, line)
        if step.status in FINISHED:
            self._known[step.job_name] = detail
        return detail

    def _cost(self, step: StepState, job: Mapping[str, Any], spot: bool) -> tuple[float, float | None]:
        try:
            cost = cost_of_job(step, job, self._prices)
        except PriceError:
            return step.seconds, None
        # Until the end nobody knows what Spot saves: the usual share is assumed.
        running = spot and "BillableTimeInSeconds" not in job
        return cost.billable_seconds, cost.usd * (1 - self._prices.spot_saving if running else 1)
