"""Retry policies: whether a failed step is run again, and after how long."""

import time
from typing import Any

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
_REASONS = {"InternalServerError": INTERNAL_ERROR, "CapacityError": CAPACITY_ERROR, "ResourceLimitExceeded": RESOURCE_LIMIT}
_SERVER_ERROR = 500


def type_of_error(code: str, status: int) -> str | None:
    """The exception type of an error that creating a job answered."""
    if code in ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"):
        return THROTTLING
    if code == "ResourceLimitExceeded":
        return RESOURCE_LIMIT
    return SERVICE_FAULT if status >= _SERVER_ERROR else None


def type_of_reason(reason: str) -> str | None:
    """The exception type of a job's FailureReason."""
    return _REASONS.get(reason.partition(":")[0])


class Retries:
    """The policies of one run of one step, and how often each has been used."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        self._policies = policies
        self._used = [0] * len(policies)
        self._started = time.monotonic()

    def wait_seconds(self, exception: str | None) -> float | None:
        """How long to wait before the next attempt after a failure of this type; None: no more attempts."""
        for number, policy in enumerate(self._policies):
            types = policy["ExceptionType"]
            if exception is None or exception not in ([types] if isinstance(types, str) else types):
                continue
            wait = float(policy.get("IntervalSeconds", 1) * policy.get("BackoffRate", 2.0) ** self._used[number])
            if self._used[number] >= policy.get("MaxAttempts", float("inf")):
                return None
            if time.monotonic() - self._started + wait > policy.get("ExpireAfterMin", float("inf")) * 60:
                return None
            self._used[number] += 1
            return wait
        return None
