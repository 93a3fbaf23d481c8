"""What a candidate is held against: the evaluation of the approved model, at an address that the step cache can trust.

A cached Evaluate repeats its decision, so the address must change whenever another decision is due, and at no other time. It is made of
the recipe (definition, data, horizon) and of the newest approved model of another recipe: approving what this recipe made changes nothing
for a rerun of it, whose decision stands; approving what another recipe made does. The content under the address is always the newest
approved model: where Evaluate does run again, e.g. with other code in the image, it meets that one.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines import registry
from pipelines.aws import client, is_absent, split_uri
from pipelines.errors import RegistryError
from pipelines.registry import ModelPackage

if TYPE_CHECKING:
    from pipelines.settings import Settings

FILE = "approved.json"
METADATA_KEY = "approved_uri"
"""Metadata of a package: the address that its own Evaluate read, and with it the recipe that made it."""


def upload_approved(definition: str, source_uri: str, horizon: int, settings: Settings) -> str:
    """Put the evaluation of the newest approved model in place and return its prefix, `s3://BUCKET/housing/approved/RECIPE/OTHER/`.

    The file holds `{"model_package": ARN, "evaluation": {...}}`, both null when nothing is approved.
    Errors: RegistryError when an approved package has no evaluation to be held against.
    """
    approved = registry.packages(settings, "Approved")
    folder = f"{settings.prefix}/approved/{_digest(definition, source_uri, horizon)}/"
    others = (package.evaluation_uri for package in approved if not package.metadata.get(METADATA_KEY, "").startswith(folder))
    uri = f"{folder}{_digest(next(others, 'none'))}/"
    newest = approved[0] if approved else None
    content = {"model_package": newest and newest.arn, "evaluation": newest and _evaluation(newest, settings)}
    bucket, key = split_uri(uri + FILE)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id} if settings.kms_key_id else {}
    client("s3", settings).put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode(), **encryption)
    return uri


def _evaluation(package: ModelPackage, settings: Settings) -> Any:
    if not package.evaluation_uri:
        raise RegistryError(f"version {package.version}: is approved but has no evaluation; reject it, or approve another")
    bucket, key = split_uri(package.evaluation_uri)
    try:
        return json.loads(client("s3", settings).get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if is_absent(error):
            raise RegistryError(f"version {package.version}: {package.evaluation_uri} is gone; reject it, or approve another") from error
        raise


def _digest(*facts: str | int) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
