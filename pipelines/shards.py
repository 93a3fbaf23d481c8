"""Input of a batch job as so many objects that every instance has work: the service gives instances whole objects, never parts of one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.aws import split_uri
from pipelines.errors import ResultsError


def objects(s3: Any, uri: str) -> list[str]:
    """URIs of the objects under a prefix (or the one object), sorted; ResultsError when there is none."""
    bucket, prefix = split_uri(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = sorted(f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", []) if item["Size"])
    if not found:
        raise ResultsError(f"--input {uri}: holds no objects; give an object or a prefix of JSON Lines, one request per line")
    return found


def spread(s3: Any, uris: list[str], parts: int, target: str) -> list[str]:
    """Objects of about equal size, at least `parts` where there are as many lines; the same objects when they are enough already.

    Lines keep their order: the parts one after the other are the input. New objects lie under the prefix `target`.
    """
    if len(uris) >= parts:
        return uris
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "input.jsonl"
        with whole.open("wb") as file:
            for uri in uris:
                for line in lines(s3, uri):
                    file.write(line + b"\n")
        size = whole.stat().st_size
        return _cut(s3, whole, max(1, -(-size // parts)), target)


def lines(s3: Any, uri: str) -> Any:
    """The lines of an object that are not empty, as bytes without their end, as they come from S3."""
    bucket, key = split_uri(uri)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    return (line for line in body.iter_lines(chunk_size=1 << 16) if line.strip())


def _cut(s3: Any, whole: Path, part_bytes: int, target: str) -> list[str]:
    """Upload runs of whole lines of about `part_bytes`."""
    bucket, prefix = split_uri(target)
    made: list[str] = []
    with whole.open("rb") as file:
        while first := file.readline():
            part = Path(f"{whole}.part")
            with part.open("wb") as out:
                out.write(first)
                while out.tell() < part_bytes and (line := file.readline()):
                    out.write(line)
            key = f"{prefix}part-{len(made):05d}.jsonl"
            s3.upload_file(str(part), bucket, key)
            made.append(f"s3://{bucket}/{key}")
    return made
