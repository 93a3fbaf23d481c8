"""Where the data of a training lies: a new upload, copied to the address of its content, or the newest that is there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.train.refusal import refused
from lambdas.train.trigger import MARKER, PANEL
from pipelines.aws import is_unreadable, split_uri
from pipelines.source import address_of

if TYPE_CHECKING:
    from pipelines.settings import Settings

MAX_BYTES = {PANEL: 1 << 30, MARKER: 1 << 20}
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class _Read:
    """One file of an upload as it was read: its digest, and the ETag by which a change in the meantime is noticed."""

    sha256: str
    etag: str


def copied(bucket: str, prefix: str, s3: Any, settings: Settings) -> str:
    """Copy an upload to `s3://BUCKET/housing/sources/SHA256/`, where `housing run` would have put the same files; returns that address.

    The marker is copied last. Errors: ApiError 409 when a file is missing, too large, or changes meanwhile.
    """
    read = {name: _digest(s3, bucket, prefix + name) for name in (PANEL, MARKER)}
    uri = f"{settings.prefix}/sources/{address_of({name: file.sha256 for name, file in read.items()})}/"
    target, folder = split_uri(uri)
    if complete(uri, s3):
        return uri
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id} if settings.kms_key_id else {}
    for name, file in read.items():
        origin = {"Bucket": bucket, "Key": prefix + name}
        try:
            s3.copy_object(
                Bucket=target,
                Key=folder + name,
                CopySource=origin,
                CopySourceIfMatch=file.etag,
                TaggingDirective="REPLACE",  # to copy an uploader's tags would take a right of its own
                **encryption,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"PreconditionFailed", "412"}:
                raise refused("upload_changed", prefix + name, "was replaced while it was read; the newer upload counts", 409) from error
            raise
    return uri


def complete(uri: str, s3: Any) -> bool:
    """Do both files lie there?"""
    bucket, prefix = split_uri(uri)
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {item["Key"].removeprefix(prefix) for item in found} >= {PANEL, MARKER}


def newest(s3: Any, settings: Settings) -> str:
    """The source that was completed last; ApiError 409 when there is none."""
    bucket, folder = split_uri(f"{settings.prefix}/sources/")
    files: dict[str, dict[str, datetime]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        for item in page.get("Contents", []):
            place, _, name = item["Key"].removeprefix(folder).partition("/")
            files.setdefault(place, {})[name] = item["LastModified"]
    whole = {place: max(there.values()) for place, there in files.items() if there.keys() >= {PANEL, MARKER}}
    if not whole:
        raise refused("no_source", "", "no data was uploaded yet; start with `housing run`, or upload some", 409)
    return f"{settings.prefix}/sources/{max(whole, key=lambda place: (whole[place], place))}/"


def _digest(s3: Any, bucket: str, key: str) -> _Read:
    """Read a file once, block by block. The marker must be a JSON object."""
    name = key.rpartition("/")[2]
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_unreadable(error):
            raise refused(
                "incomplete_upload", key, f"is missing, or may not be read; write {PANEL} first and {MARKER} last", 409
            ) from error
        raise
    if answer["ContentLength"] > MAX_BYTES[name]:
        raise refused("too_large", key, f"is larger than {MAX_BYTES[name]} bytes", 409)
    digest, text = hashlib.sha256(), b""
    for block in answer["Body"].iter_chunks(_CHUNK_BYTES):
        digest.update(block)
        text = text + block if name == MARKER else b""
    if name == MARKER and not _is_object(text):
        raise refused("malformed_source", key, "is not a JSON object; write it as `housing run` does", 409)
    return _Read(digest.hexdigest(), answer["ETag"])


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
