"""Uploads data to an address made of its content: new data has a new address, the same data the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent, split_uri
from pipelines.errors import ExecutionError
from pipelines.tags import tag_list

if TYPE_CHECKING:
    from pipelines.settings import Settings


def upload_source(folder: Path, settings: Settings) -> str:
    """Upload the files of `folder` and return `s3://BUCKET/housing/sources/SHA256/`; nothing is sent when they are there.

    Errors: ExecutionError when the folder is empty.
    """
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    if not files:
        raise ExecutionError(f"source {folder.name}: holds no files; write panel.csv.gz and source.json into it")
    uri = f"{settings.prefix}/sources/{content_address(files)}/"
    bucket, prefix = split_uri(uri)
    s3 = client("s3", settings)
    _ensure_bucket(s3, bucket, settings)
    present = {item["Key"].removeprefix(prefix) for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])}
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id} if settings.kms_key_id else {}
    for name in files.keys() - present:
        s3.put_object(Bucket=bucket, Key=prefix + name, Body=files[name].read_bytes(), **encryption)
    return uri


def content_address(files: dict[str, Path]) -> str:
    """sha256 over the names and contents of `files`, hex."""
    return address_of({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()})


def address_of(digests: Mapping[str, str]) -> str:
    """The same from the sha256 of each file."""
    digest = hashlib.sha256()
    for name, content in sorted(digests.items()):
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def _ensure_bucket(s3: Any, bucket: str, settings: Settings) -> None:
    """Create the bucket, tagged, when it is absent; us-east-1 alone refuses to be named."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if not is_absent(error):
            raise
        region = settings.region
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(settings)})
