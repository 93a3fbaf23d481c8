"""Clients of AWS. Where they go is decided by the environment alone (AWS_ENDPOINT_URL)."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from pipelines.settings import Settings


def client(service: str, settings: Settings) -> Any:
    """A boto3 client in the region of the settings that retries what was throttled; kept while the environment is the same."""
    where = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
    return _made(service, settings.region, where)


@lru_cache(maxsize=64)
def _made(service: str, region: str, where: tuple[tuple[str, str], ...]) -> Any:  # noqa: ARG001 what boto3 itself reads
    make: Any = boto3.client  # its stubs know every service by name, not a service chosen at run time
    return make(service, region_name=region, config=Config(retries={"mode": "standard", "max_attempts": 5}))


def for_caller(settings: Settings) -> Settings:
    """The settings with the account of the credentials in use, unless an account was chosen."""
    if "account_id" in settings.model_fields_set:
        return settings
    identity = client("sts", settings).get_caller_identity()
    chosen = settings.model_dump(include=settings.model_fields_set)
    return type(settings)(**{**chosen, "account_id": identity["Account"]})


def error_code(error: ClientError) -> str:
    """The service's code of an error, e.g. `ResourceNotFound`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_absent(error: ClientError) -> bool:
    """Does the error say that the thing does not exist? SageMaker has two ways of saying so, S3 and Lambda two more."""
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    absent = error_code(error) in {"ResourceNotFound", "ResourceNotFoundException", "404", "NoSuchBucket", "NoSuchKey"}
    return absent or (error_code(error) == "ValidationException" and ("could not find" in message or "does not exist" in message))


def is_unreadable(error: ClientError) -> bool:
    """Does the error say that an object is absent, or denied? S3 denies what is absent to a caller that may not list the whole bucket."""
    return is_absent(error) or error_code(error) in {"AccessDenied", "403"}


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://BUCKET/KEY` -> (bucket, key)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
