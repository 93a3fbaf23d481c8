"""What a stack leaves behind because it holds something: buckets, images, the key, the secret; removed on demand alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipelines import stacks
from pipelines.aws import client, is_absent
from pipelines.settings import Settings

KEY_WINDOW_DAYS = 30
"""How long a key that is to be deleted can still be saved: what is encrypted under it is lost afterwards."""


@dataclass(frozen=True)
class Leftover:
    """One resource that outlives its stack."""

    type: str
    physical_id: str

    @property
    def text(self) -> str:
        """In words."""
        what, after = _WORDS[self.type]
        return f"{what} {self.physical_id.rpartition(':secret:')[2]}{after}"


def of_stack(name: str, settings: Settings) -> list[Leftover]:
    """Those of a stack; none when there is no such stack."""
    if stacks.describe(name, settings) is None:
        return []
    pages = client("cloudformation", settings).get_paginator("list_stack_resources").paginate(StackName=name)
    found = [Leftover(one["ResourceType"], one.get("PhysicalResourceId", "")) for page in pages for one in page["StackResourceSummaries"]]
    return [one for one in found if one.type in _REMOVERS and one.physical_id]


def remove(leftover: Leftover, settings: Settings) -> None:
    """Remove one with what it holds; one that is gone is no error."""
    try:
        _REMOVERS[leftover.type](leftover.physical_id, settings)
    except ClientError as error:
        if not is_absent(error) and "NotFound" not in str(error):
            raise


def empty_bucket(bucket: str, settings: Settings, prefix: str = "") -> None:
    """Delete every object and version under the prefix, and the bucket when nothing else is in it."""
    s3 = client("s3", settings)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if versions:
            chosen = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": chosen, "Quiet": True})
    left = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    if not left.get("Versions") and not left.get("DeleteMarkers"):
        s3.delete_bucket(Bucket=bucket)


def _bucket(name: str, settings: Settings) -> None:
    empty_bucket(name, settings, "housing/" if name == settings.bucket else "")


def _repository(name: str, settings: Settings) -> None:
    client("ecr", settings).delete_repository(repositoryName=name, force=True)


def _key(identity: str, settings: Settings) -> None:
    client("kms", settings).schedule_key_deletion(KeyId=identity, PendingWindowInDays=KEY_WINDOW_DAYS)


def _secret(arn: str, settings: Settings) -> None:
    client("secretsmanager", settings).delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


_REMOVERS: dict[str, Callable[[str, Settings], None]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::ECR::Repository": _repository,
    "AWS::KMS::Key": _key,
    "AWS::SecretsManager::Secret": _secret,
}
_WORDS = {
    "AWS::S3::Bucket": ("bucket", ""),
    "AWS::ECR::Repository": ("repository", ", with its images"),
    "AWS::KMS::Key": ("key", f", {KEY_WINDOW_DAYS} days from then"),
    "AWS::SecretsManager::Secret": ("secret", ""),
}
