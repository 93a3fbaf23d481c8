"""One asynchronous forecast, as predict left its record (`lambdas.shared.jobs`)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.shared import jobs
from lambdas.shared.errors import ApiError
from lambdas.status.clients import Place, client

LINK_SECONDS = 900
LOST_AFTER_SECONDS = jobs.EXPIRES_AFTER_SECONDS + 3600
"""An invocation takes an hour at most once it was taken up."""

MAX_REASON_BYTES = 1000


def status(wanted: str, place: Place, bucket: str) -> dict[str, Any]:
    """`in_progress`; `completed` with a link to the answer that anyone may follow for a quarter of an hour; `failed` with the reason.

    ApiError 404 for what was never a job.
    """
    if not jobs.is_id(wanted) or not bucket:
        raise _absent(wanted)
    s3 = client("s3", place.region)
    record = _read(s3, bucket, jobs.record_key(wanted))
    if record is None:
        raise _absent(wanted)
    found = jobs.Job.from_json(record)
    told = {"id": wanted, "submitted": datetime.fromtimestamp(found.submitted, UTC).isoformat(timespec="seconds")}
    return {"job": told | _state(s3, found)}


def _state(s3: Any, found: jobs.Job) -> dict[str, Any]:
    output_bucket, output_key = _split(found.output_uri)
    size = _size(s3, output_bucket, output_key)
    if size is not None:
        where = {"Bucket": output_bucket, "Key": output_key}
        link = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_SECONDS)
        return {"status": "completed", "answer_url": link, "expires_in": LINK_SECONDS, "content_type": found.accept, "bytes": size}
    failure = _read(s3, *_split(found.failure_uri)) if found.failure_uri else None
    if failure is not None:
        return {"status": "failed", "reason": failure[:MAX_REASON_BYTES].decode("utf-8", "replace")}
    if time.time() - found.submitted > LOST_AFTER_SECONDS:
        return {"status": "failed", "reason": "no machine took it up in time; send it again"}
    return {"status": "in_progress"}


def _size(s3: Any, bucket: str, key: str) -> int | None:
    try:
        return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if _is_missing(error):
            return None
        raise


def _read(s3: Any, bucket: str, key: str) -> bytes | None:
    """The first bytes of an object, more than any record has; None when there is no object."""
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read(16 * 1024)
    except ClientError as error:
        if _is_missing(error):
            return None
        raise
    return body


def _is_missing(error: ClientError) -> bool:
    """S3 denies what is absent to a caller that may not list the whole bucket."""
    return error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404", "AccessDenied", "403"}


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _absent(wanted: str) -> ApiError:
    return ApiError(404, "not_found", f"job {wanted[:64]!r}: there is none of this id; POST /v1/forecast begins one where it is large")
