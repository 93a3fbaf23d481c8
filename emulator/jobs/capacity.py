"""Instances that are not there, or not for long: capacity errors, Spot interruptions, and how long a job has waited."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from emulator.faults import Faults
from emulator.jobs.failure import JobError
from emulator.jobs.manager import Job, Reclaimed

_RETRY_SECONDS = 60.0
_NO_CAPACITY = "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."


class Capacity:
    """The instances of one job, on demand or Spot.

    Waiting imitates the service and is scaled by the context; against MaxWaitTimeInSeconds it counts in full.
    """

    def __init__(self, job: Job, record: dict[str, Any]) -> None:
        self._job = job
        self._spot = bool(record.get("EnableManagedSpotTraining"))
        resources = record["ResourceConfig"]
        self._types = [group["InstanceType"] for group in resources.get("InstanceGroups") or [resources]]
        self._max_wait: float = record.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds", float("inf"))
        self._faults = job.context.part(Faults)
        self._waited, self._started = 0.0, time.monotonic()

    def allocate(self) -> bool:
        """Get the instances; False when a Spot job has waited as long as it may, or was stopped meanwhile.

        Raises
        ------
        JobError
            When an on-demand job finds none.
        """
        while any(self._faults.lacks_capacity(instance_type) for instance_type in self._types):
            if not self._spot:
                raise JobError(_NO_CAPACITY)
            if not self.wait():
                return False
        return not self._job.stopping.is_set()

    def wait(self) -> bool:
        """Wait for Spot capacity; False when the time is up or the job was stopped."""
        self._waited += _RETRY_SECONDS
        if time.monotonic() - self._started + self._waited > self._max_wait:
            return False
        return not self._job.stopping.wait(_RETRY_SECONDS * self._job.context.wait_scale)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While the job runs: its Spot instance may be taken away."""
        self._job.clear()
        seconds = self._faults.spot_interruption(self._job.name) if self._spot else None
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self._job.mailbox.put, [Reclaimed()])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
