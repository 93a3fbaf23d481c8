"""Objects for jobs, through boto3 and the emulator's own endpoint: the same road as a user's."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.context import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    from emulator.context import Context


class ObjectError(Exception):
    """An S3 address is malformed, or nothing is there; one line."""


@dataclass(frozen=True)
class Address:
    """`s3://bucket/key`."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse(uri: str) -> Address:
    """The bucket and key of an S3 URI.

    Raises
    ------
    ObjectError
        When it is not `s3://bucket[/key]`.
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ObjectError(f"{uri!r} is not an S3 URI: write s3://bucket/key")
    return Address(parts.netloc, uri.partition("://")[2].partition("/")[2])


class Objects:
    """S3 access of one emulator; `context.part(Objects)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._made: Any = None
        self._lock = threading.Lock()

    @property
    def _s3(self) -> Any:
        with self._lock:
            if self._made is None:
                session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=self._context.region)
                # no checksums of our own: they cost more than the copy itself
                config = Config(
                    s3={"addressing_style": "path"},
                    max_pool_connections=32,
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                )
                self._made = session.client("s3", endpoint_url=self._context.endpoint_url, config=config)
            return self._made

    def list(self, uri: str) -> list[str]:
        """The keys that begin with the URI's key, sorted; folder markers left out.

        Raises
        ------
        ObjectError
            When the bucket doesn't exist.
        """
        address = parse(uri)
        return [key for key in self._keys(address) if not key.endswith("/")]

    def _keys(self, address: Address) -> Iterator[str]:
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=address.bucket, Prefix=address.key):
                yield from (item["Key"] for item in page.get("Contents", []))
        except ClientError as error:
            raise _object_error(error, address) from None

    def get(self, uri: str) -> bytes:
        """The content of one object.

        Raises
        ------
        ObjectError
            When there is none.
        """
        address = parse(uri)
        try:
            return bytes(self._s3.get_object(Bucket=address.bucket, Key=address.key)["Body"].read())
        except ClientError as error:
            raise _object_error(error, address) from None

    def put(self, uri: str, content: bytes) -> None:
        """Write one object."""
        address = parse(uri)
        try:
            self._s3.put_object(Bucket=address.bucket, Key=address.key, Body=content)
        except ClientError as error:
            raise _object_error(error, address) from None

    def download(self, uri: str, path: Path) -> None:
        """Copy one object to a file, whose folder is made."""
        address = parse(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = self._s3.get_object(Bucket=address.bucket, Key=address.key)["Body"]
            with path.open("wb") as file:
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)
        except ClientError as error:
            raise _object_error(error, address) from None

    def upload(self, path: Path, uri: str) -> None:
        """Copy one file to an object."""
        address = parse(uri)
        try:
            with path.open("rb") as file:
                self._s3.put_object(Bucket=address.bucket, Key=address.key, Body=file)
        except ClientError as error:
            raise _object_error(error, address) from None

    def upload_folder(self, folder: Path, uri: str) -> None:
        """Copy every file below `folder` to `uri/relative/path`."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.upload(path, join(uri, path.relative_to(folder).as_posix()))


def join(uri: str, *parts: str) -> str:
    """`uri` and `parts` with exactly one slash between."""
    return "/".join([uri.rstrip("/"), *(part.lstrip("/") for part in parts)])


def _object_error(error: ClientError, address: Address) -> ObjectError:
    code = error.response["Error"]["Code"]
    if code == "NoSuchBucket":
        return ObjectError(f"the bucket of {address} does not exist")
    return ObjectError(f"no object at {address}" if code in ("NoSuchKey", "404") else f"{address}: {error}")
