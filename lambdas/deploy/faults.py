"""Which errors another attempt may not meet again."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pipelines.aws import error_code

_PASSING = (
    "Throttl",
    "TooManyRequests",
    "ServiceUnavailable",
    "Internal",
    "RequestTimeout",
    "SlowDown",
    "ConcurrentUpdate",
    "OperationAborted",
)


def is_passing(error: ClientError) -> bool:
    """Does the error say that the service was busy or broken? Anything else it will say again."""
    return error_code(error).startswith(_PASSING)
