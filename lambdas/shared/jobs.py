"""An asynchronous forecast as predict begins it and status reads it: one small record in S3 per job.

`s3://BUCKET/housing/async/ID/request` is the request as it came, `.../job.json` the record below; SageMaker writes the answer or the
failure where the record says. A job's address is `/v1/jobs/ID`. The locations are kept in S3 and not in the ID, so that nobody can
name an object of the bucket by making up an ID.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import asdict, dataclass
from typing import Any

FOLDER = "housing/async"
PATH = "/v1/jobs/"
EXPIRES_AFTER_SECONDS = 6 * 3600
"""Time in which SageMaker must have taken the request up (RequestTTLSeconds); a job without an answer long after it is lost."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Job:
    """One asynchronous forecast.

    Attributes
    ----------
    id : 32 hexadecimal digits.
    output_uri, failure_uri : where SageMaker writes the answer, or why there is none.
    accept : media type of the answer.
    submitted : seconds since the epoch.
    """

    id: str
    output_uri: str
    failure_uri: str
    accept: str
    submitted: int

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Job:
        content: dict[str, Any] = json.loads(text)
        return cls(**content)


def new_id() -> str:
    return uuid.uuid4().hex


def is_id(text: str) -> bool:
    """Whether `text` can be the ID of a job: anything else is a 404 without asking S3."""
    return _ID.fullmatch(text) is not None


def request_key(job_id: str) -> str:
    return f"{FOLDER}/{job_id}/request"


def record_key(job_id: str) -> str:
    return f"{FOLDER}/{job_id}/job.json"


def status_path(job_id: str) -> str:
    """Where its state can be asked for: the `Location` and `status_url` of the 202 that predict answers."""
    return f"{PATH}{job_id}"
