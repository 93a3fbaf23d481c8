"""Whether a panel is monthly or quarterly, from its first rows: the horizon of an execution counts periods, the settings say months."""

from __future__ import annotations

import csv
import io
import math
import re
import zlib
from collections.abc import Iterator
from typing import Any

from lambdas.train.trigger import PANEL
from pipelines.aws import split_uri

SAMPLE_BYTES = 1 << 20
MAX_TEXT_BYTES = 32 << 20

_GZIP = 31
_MONTH = re.compile(r"(\d{4})-(\d{1,2})(?!\d)")
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")


def months_per_period(uri: str, s3: Any) -> int:
    """3 when the first rows of the source are spaced by quarters, else 1; what is no panel at all is for Ingest to refuse."""
    bucket, prefix = split_uri(uri)
    sample = s3.get_object(Bucket=bucket, Key=prefix + PANEL, Range=f"bytes=0-{SAMPLE_BYTES - 1}")["Body"].read()
    try:
        text = zlib.decompressobj(_GZIP).decompress(sample, MAX_TEXT_BYTES).decode("utf-8", "replace")
        return _spacing(_dates(text.rpartition("\n")[0]))
    except (zlib.error, csv.Error):
        return 1


def _dates(text: str) -> Iterator[str]:
    rows = csv.reader(io.StringIO(text))
    header = next(rows, [])
    if "date" in header:
        place = header.index("date")
        yield from (row[place].strip() for row in rows if len(row) > place)


def _spacing(dates: Iterator[str]) -> int:
    first, gap = None, 0
    for date in dates:
        if _QUARTER.fullmatch(date):
            return 3
        found = _MONTH.match(date)
        if found is None:
            continue
        month = int(found[1]) * 12 + int(found[2])
        first = month if first is None else first
        gap = math.gcd(gap, month - first)
        if gap == 1:
            return 1
    return 3 if gap and gap % 3 == 0 else 1
