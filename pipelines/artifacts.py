"""The bucket that the stacks' code and templates lie in. It comes before any stack, so no stack can own it: it is made and kept here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent
from pipelines.settings import Settings
from pipelines.tags import tag_list
from pipelines.templates import digest

_OLD_VERSION_DAYS = 90


def ensure_bucket(settings: Settings) -> bool:
    """Make the bucket unless it is there, and see that it is versioned, encrypted, closed and asks for TLS. True when it was made."""
    s3, name = client("s3", settings), settings.artifact_bucket
    made = not is_there(settings)
    if made:
        place = {"CreateBucketConfiguration": {"LocationConstraint": settings.region}}
        s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced", **({} if settings.region == "us-east-1" else place))
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_CLOSED)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(_policy(name)))
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [_LIFECYCLE]})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(settings)})
    return made


def is_there(settings: Settings) -> bool:
    """Whether the bucket exists."""
    try:
        client("s3", settings).head_bucket(Bucket=settings.artifact_bucket)
    except ClientError as error:
        if is_absent(error):
            return False
        raise
    return True


def upload(content: bytes, key: str, settings: Settings) -> bool:
    """Put an object at a key that names its content; False when it lay there already."""
    s3, place = client("s3", settings), {"Bucket": settings.artifact_bucket, "Key": key}
    try:
        if s3.head_object(**place)["ContentLength"] == len(content):
            return False
    except ClientError as error:
        if not is_absent(error):
            raise
    s3.put_object(**place, Body=content)
    return True


def upload_code(zips: dict[str, Path], settings: Settings) -> dict[str, str]:
    """Put the functions' zips in place. Returns the key of each."""
    keys = {}
    for name, path in zips.items():
        content = path.read_bytes()
        keys[name] = f"code/{name}-{digest(content)}.zip"
        upload(content, keys[name], settings)
    return keys


def url(key: str, settings: Settings) -> str:
    """The address of an object, as CloudFormation asks for it."""
    return f"https://{settings.artifact_bucket}.s3.{settings.region}.amazonaws.com/{key}"


_CLOSED = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
_LIFECYCLE: dict[str, Any] = {
    "ID": "old",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_VERSION_DAYS},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
}


def _policy(name: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
