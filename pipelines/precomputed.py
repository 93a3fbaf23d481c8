"""The forecast of every known region as a small object of its own, so that a query for one is a single read.

`s3://BUCKET/housing/precomputed/current.json` names the table in force: `{"prefix", "regions", "model_version", "published",
"months_per_period"}`. The prediction of a region lies at `PREFIX` and its name, percent-encoded, with `.json`. The pointer is written last:
readers see the old table or the new one, never a mixture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent, is_unreadable, split_uri
from pipelines.errors import ResultsError

if TYPE_CHECKING:
    from pipelines.settings import Settings

FOLDER = "precomputed"
POINTER = "current.json"
WRITERS = 16
DELETED_AT_ONCE = 1000
WRITTEN_AT_ONCE = 256


@dataclass(frozen=True)
class Table:
    """A table in force: its prefix, how many regions, the model that forecast them, and the months between two of its prices.

    `months_per_period` is 0 where it is not known: a year ahead is then a number of periods that only the model can say.
    """

    prefix: str
    regions: int
    model_version: str
    published: str
    months_per_period: int = 0


def publish(predictions: Iterable[dict[str, Any]], settings: Settings, months_per_period: int = 0) -> Table:
    """Write one object per prediction, point to them, and remove older tables but the last one, from which calls may still be reading.

    Errors: ResultsError when there are no predictions, or a region occurs twice.
    """
    with TemporaryFile() as spool:
        table = replace(_spooled(predictions, spool, settings), months_per_period=months_per_period)
        before = current(settings)
        s3 = client("s3", settings)
        if before is not None and before.prefix == table.prefix:
            table = replace(table, published=before.published)  # the same forecasts are no younger for being published again
        else:
            _write(s3, spool, table, settings)
    _put(s3, _pointer(settings), json.dumps(vars(table)).encode(), settings)
    _remove_others(s3, {table.prefix, before.prefix if before else table.prefix}, settings)
    return table


def _spooled(predictions: Iterable[dict[str, Any]], spool: IO[bytes], settings: Settings) -> Table:
    """Copy the predictions to a file, a line each, and name their table by their content: memory holds the names of regions alone."""
    digest, regions, version = hashlib.sha256(), set[str](), ""
    for prediction in predictions:
        if prediction["item_id"] in regions:
            raise ResultsError(f"region {prediction['item_id']}: occurs twice in the forecasts; a table holds each region once")
        regions.add(prediction["item_id"])
        version = str(prediction.get("model_version", ""))
        line = json.dumps(prediction).encode() + b"\n"
        digest.update(line)
        spool.write(line)
    if not regions:
        raise ResultsError("precomputed: there are no forecasts to publish; run `housing batch` on requests that the model answers")
    prefix = f"{settings.prefix}/{FOLDER}/{digest.hexdigest()[:16]}/"
    return Table(prefix, len(regions), version, datetime.now(UTC).isoformat(timespec="seconds"))


def _write(s3: Any, spool: IO[bytes], table: Table, settings: Settings) -> None:
    """Write the objects of the table, so many at a time."""
    spool.seek(0)
    lines = iter(spool.readline, b"")
    with ThreadPoolExecutor(WRITERS) as writers:
        while some := list(islice(lines, WRITTEN_AT_ONCE)):
            list(writers.map(lambda line: _put(s3, address(table.prefix, json.loads(line)["item_id"]), line.rstrip(), settings), some))


def current(settings: Settings) -> Table | None:
    """The table in force, None when none was published."""
    text = _get(client("s3", settings), _pointer(settings))
    return Table(**json.loads(text)) if text else None


def read(region: str, settings: Settings) -> dict[str, Any] | None:
    """The prediction of a region from the table in force, None when it holds none."""
    table = current(settings)
    text = _get(client("s3", settings), address(table.prefix, region)) if table else None
    return json.loads(text) if text else None


def address(prefix: str, region: str) -> str:
    """Where the prediction of a region lies."""
    return f"{prefix}{quote(region, safe='')}.json"


def delete(settings: Settings) -> bool:
    """Remove every table and the pointer. False when there was none."""
    s3 = client("s3", settings)
    return _remove_others(s3, set(), settings, pointer=True) > 0


def _pointer(settings: Settings) -> str:
    return f"{settings.prefix}/{FOLDER}/{POINTER}"


def _put(s3: Any, uri: str, body: bytes, settings: Settings) -> None:
    bucket, key = split_uri(uri)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id} if settings.kms_key_id else {}
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **encryption)


def _get(s3: Any, uri: str) -> bytes | None:
    bucket, key = split_uri(uri)
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if is_unreadable(error):
            return None
        raise
    return body


def _remove_others(s3: Any, kept: set[str], settings: Settings, pointer: bool = False) -> int:
    """Delete what lies outside the tables `kept`; returns how many objects. The pointer goes only with `pointer`."""
    bucket, folder = split_uri(f"{settings.prefix}/{FOLDER}/")
    prefixes = tuple(split_uri(prefix)[1] for prefix in kept)
    removed = 0
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
            keys = [item["Key"] for item in page.get("Contents", [])]
            old = [key for key in keys if not key.startswith(prefixes or ("\0",)) and (pointer or key != f"{folder}{POINTER}")]
            for first in range(0, len(old), DELETED_AT_ONCE):
                chosen = old[first : first + DELETED_AT_ONCE]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in chosen], "Quiet": True})
                removed += len(chosen)
    except ClientError as error:
        if not is_absent(error):
            raise
    return removed
