"""What the function remembers between two events: one small object in S3 per endpoint, written only over what was read.

`s3://BUCKET/housing/deployments/ENDPOINT.json`. Of two invocations that read the same record the second to write is refused, reads
again and finds the work done.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipelines.aws import error_code, is_unreadable

FOLDER = "housing/deployments"

State = Literal["waiting", "begun", "in service", "failed", "replaced"]
ENDED: frozenset[State] = frozenset({"in service", "failed", "replaced"})
TableState = Literal["", "waiting", "published", "missing"]


class ConflictError(Exception):
    """Another invocation wrote the record in the meantime."""


@dataclass(frozen=True)
class Record:
    """The newest order that an endpoint was given.

    Attributes
    ----------
    package, version, execution : the package, and the pipeline execution that made it.
    config, before : name of the endpoint configuration, and of the one that was in service when the update began.
    state : `waiting` until the endpoint is free, `begun` until it has settled; `replaced` when a third configuration is in service then.
    action, started : what was done to the endpoint and since when (ISO 8601).
    reason : of a failure.
    table : state of the precomputed table; empty at an endpoint that has none.
    announced : whether the outcome was told.
    ordered : when the package was approved (ISO 8601).
    taken_back : whether the approval was taken back since.
    """

    package: str
    version: int
    execution: str
    config: str = ""
    before: str = ""
    state: State = "waiting"
    action: str = ""
    started: str = ""
    reason: str = ""
    table: TableState = ""
    announced: bool = False
    ordered: str = ""
    taken_back: bool = False

    @property
    def is_open(self) -> bool:
        """Is there anything left to be done?"""
        return self.state not in ENDED or not self.announced or self.table == "waiting"


class Records:
    """The records in one bucket."""

    def __init__(self, s3: Any, bucket: str, kms_key_id: str | None) -> None:
        self._s3, self._bucket = s3, bucket
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        self._etags: dict[str, str] = {}

    def read(self, endpoint: str) -> Record | None:
        """The record of an endpoint, None when it was given no order yet."""
        self._etags.pop(endpoint, None)
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=_key(endpoint))
        except ClientError as error:
            if is_unreadable(error):
                return None  # a record that is there after all is not written over
            raise
        self._etags[endpoint] = answer["ETag"]
        return _decoded(answer["Body"].read())

    def write(self, endpoint: str, record: Record) -> Record:
        """Replace what `read` found. Errors: ConflictError when it is no longer that."""
        known = self._etags.get(endpoint)
        only = {"IfMatch": known} if known else {"IfNoneMatch": "*"}
        body = json.dumps(asdict(record)).encode()
        try:
            answer = self._s3.put_object(Bucket=self._bucket, Key=_key(endpoint), Body=body, **only, **self._encryption)
        except ClientError as error:
            if error_code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
                raise ConflictError(endpoint) from error
            raise
        self._etags[endpoint] = answer["ETag"]
        return record


def _decoded(text: bytes) -> Record | None:
    """The record, whichever version of this code wrote it; None where nothing can be made of it, so that the next order replaces it."""
    try:
        known = {field.name for field in fields(Record)}
        return Record(**{name: value for name, value in json.loads(text).items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None


def _key(endpoint: str) -> str:
    return f"{FOLDER}/{endpoint}.json"
