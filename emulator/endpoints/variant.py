"""A variant of an endpoint while it serves: its instances, as many as it is told to have, and which of them gets the next invocation."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from emulator.context import Context
from emulator.control.models import containers_of
from emulator.endpoints.host import Host
from emulator.endpoints.instance import VariantError
from emulator.endpoints.load import Load, Loads
from emulator.errors import ApiError, EmulatorError
from emulator.faults import Faults
from emulator.operations import at_start

DRAIN_SECONDS = 60.0
_LEAST_BUSY = "LEAST_OUTSTANDING_REQUESTS"


def container_of(context: Context, model_name: str) -> dict[str, Any]:
    """The container that a model's endpoint runs: `Image`, `Environment`, `ModelDataUrl`.

    Raises
    ------
    ApiError
        When the model doesn't exist, or is an inference pipeline of several containers.
    """
    containers = containers_of(context, model_name)
    if len(containers) != 1:
        message = f"Model {model_name!r} has {len(containers)} containers: inference pipelines are not implemented"
        raise ApiError("NotImplemented", message, 501)
    return containers[0]


def most_processes() -> int:
    """How many processes a variant has at most, whatever its count: EMULATOR_VARIANT_PROCESSES, 2 unless set.

    Raises
    ------
    EmulatorError
        When it is no number of at least 1.
    """
    text = os.environ.get("EMULATOR_VARIANT_PROCESSES", "2")
    if not text.isdigit() or int(text) < 1:
        raise EmulatorError(f"EMULATOR_VARIANT_PROCESSES must be a number of at least 1, not {text!r}")
    return int(text)


@at_start
def check_settings(context: Context) -> None:  # noqa: ARG001 - the signature of every hook
    """Refuse to start with a wrong number of processes."""
    most_processes()


class LiveVariant:
    """A variant that gets invocations. `next_host` and `in_flight` are for the event loop, the rest for any thread.

    Each instance is a process of its own, up to `most_processes()` of them; a count beyond that is a number only.
    """

    def __init__(self, context: Context, endpoint: str, spec: Mapping[str, Any]) -> None:
        self._context, self._endpoint, self._spec = context, endpoint, spec
        self.name: str = spec["VariantName"]
        self.max_concurrency: int | None = spec.get("ServerlessConfig", {}).get("MaxConcurrency")
        self.load: Load = context.part(Loads).of(endpoint, self.name)
        self.in_flight, self.count = 0, 0
        self.retired = threading.Event()
        self._container = container_of(context, spec["ModelName"])
        self._least_busy = spec.get("RoutingConfig", {}).get("RoutingStrategy") == _LEAST_BUSY
        self._hosts: tuple[Host, ...] = ()
        self._turn = 0
        self._scaling = threading.Lock()

    def wanted_at(self, share: float) -> int:
        """A share, rounded up, of the instances that its configuration asks for; a serverless variant counts as one."""
        return math.ceil(int(self._spec.get("InitialInstanceCount", 1)) * share - 1e-9)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The instances that have a process."""
        return self._hosts

    def next_host(self) -> Host | None:
        """The instance whose turn it is, or the least busy one where the variant is routed so; None when there is none."""
        hosts = self._hosts
        if len(hosts) < 2:
            return hosts[0] if hosts else None
        ready = [host for host in hosts if host.pool is not None] or hosts  # one that is being started again is passed over
        self._turn += 1
        turn = self._turn % len(ready)
        return min((*ready[turn:], *ready[:turn]), key=lambda host: host.in_flight) if self._least_busy else ready[turn]

    def scale(self, count: int) -> None:
        """Have so many instances: new ones are in service when they answer their ping, surplus ones leave when their calls are answered.

        Raises
        ------
        VariantError
            When a new one does not come up, or finds no capacity; then the count is what it was.
        """
        with self._scaling:
            if count > self.count:
                self._require_capacity()
            processes = min(count, most_processes())
            surplus = self._hosts[processes:]
            self._add(processes - len(self._hosts))
            self.count, self._hosts = count, self._hosts[:processes]
            _retire(surplus, DRAIN_SECONDS)

    def _require_capacity(self) -> None:
        instance_type = self._spec.get("InstanceType")
        if instance_type and self._context.part(Faults).lacks_capacity(instance_type):
            message = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
            raise VariantError(message + f"Variant {self.name} asked for {instance_type}: retry later, or use another instance type.")

    def _add(self, number: int) -> None:
        if number <= 0:
            return
        hosts = [Host(self._context, self._endpoint, self._spec, self._container) for _ in range(number)]
        with ThreadPoolExecutor(number, "start") as threads:
            starts = [threads.submit(host.start) for host in hosts]
        failures = [error for start in starts if (error := start.exception()) is not None]
        if failures:
            _retire(hosts)
            raise failures[0]
        self._hosts = (*self._hosts, *hosts)
        if self.retired.is_set():  # while they started
            _retire(hosts)

    def retire(self, drain_seconds: float = 0) -> None:
        """Stop for good, after the invocations under way."""
        if drain_seconds:
            _drain(self._hosts, drain_seconds)
        self.retired.set()
        _retire(self._hosts)


def _drain(hosts: Sequence[Host], seconds: float) -> None:
    for host in hosts:
        host.drain(seconds)


def _retire(hosts: Sequence[Host], drain_seconds: float = 0) -> None:
    if drain_seconds and hosts:
        _drain(hosts, drain_seconds)
    with ThreadPoolExecutor(max(1, len(hosts)), "retire") as threads:
        for host in hosts:
            threads.submit(host.retire)
