"""How a pod ends: the exit statuses that `podFailurePolicy` tells apart."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

FAILED = 1
"""The job's own failure: the next try would end the same way."""
PASSING = os.EX_TEMPFAIL
"""S3 or another host did not answer: the next try goes on from the checkpoints."""
INTERRUPTED = 128 + signal.SIGTERM

TERMINATION_LOG = Path("/dev/termination-log")
"""What a pod writes here stands in its status."""
_MAX_BYTES = 1024


class AgentError(Exception):
    """An expected end of the pod: one line, and the status with which it exits."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def of_storage(error: Exception, what: str) -> AgentError:
    """A fault of S3: passing, unless S3 said that the request itself is wrong or not allowed."""
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        refused = 400 <= status < 500 and status not in (408, 429)
        code = error.response.get("Error", {}).get("Code", "")
        remedy = "check the address and the rights of the pod" if refused else "S3 did not answer"
        return AgentError(f"{what}: {code or status}; {remedy}", FAILED if refused else PASSING)
    if isinstance(error, NoCredentialsError):
        return AgentError(f"{what}: no credentials; give the service account a role (EKS Pod Identity)")
    return AgentError(f"{what}: {type(error).__name__}; S3 did not answer", PASSING)


STORAGE_ERRORS = (BotoCoreError, ClientError)


def say(line: str) -> None:
    """Write one line to the log at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(line: str, log: Path = TERMINATION_LOG) -> None:
    """Write a line where the pod's status shows it, as far as there is such a place."""
    if log.is_file():
        log.write_bytes(" ".join(line.split()).encode()[:_MAX_BYTES])
