"""What is wrong or wasted in the account, each with its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipelines.aws import error_code
from pipelines.doctor import account, alarms, cluster, endpoints, images, jobs, stacks
from pipelines.doctor.finding import Finding
from pipelines.eks.api import ClusterError
from pipelines.settings import Settings

Check = Callable[[Settings], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "idle endpoints": endpoints.idle,
    "unattached scaling": endpoints.unattached_scaling,
    "slow model load": endpoints.slow_start,
    "high cost": endpoints.cost_levers,
    "alarm units": alarms.wrong_units,
    "rollback alarms": alarms.missing,
    "forgotten notebooks": account.forgotten_notebooks,
    "GPU quota": account.missing_quota,
    "missing secrets": account.missing_secrets,
    "stale images": images.stale,
    "failed jobs": jobs.failed,
    "broken stacks": stacks.broken,
    "pending pods": cluster.pending,
    "device plugin": cluster.without_device_plugin,
    "out of memory": cluster.out_of_memory,
}

_UNAVAILABLE = frozenset(
    {"NotImplemented", "UnknownOperationException", "InvalidAction", "AccessDeniedException", "AccessDenied", "501", "404"}
)


@dataclass(frozen=True)
class Examination:
    """What was found, and which checks the service did not let us make (and why)."""

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def examine(settings: Settings) -> Examination:
    """Make every check."""
    findings: list[Finding] = []
    unchecked: list[str] = []
    for name, check in CHECKS.items():
        try:
            findings += check(settings)
        except ClientError as error:
            if error_code(error) not in _UNAVAILABLE:
                raise
            unchecked.append(f"{name}: {error.operation_name}: {error_code(error)}")
        except ClusterError as error:
            unchecked.append(f"{name}: {error}")
    return Examination(tuple(findings), tuple(unchecked))
