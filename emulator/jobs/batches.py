"""How the objects of a transform job become requests, and the answers objects again."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MIB = 1 << 20


@dataclass(frozen=True)
class Plan:
    """How a transform job sends records.

    Parameters
    ----------
    split_lines
        Records are lines; else each object is one record.
    many_records
        A request may carry as many records as fit.
    payload_bytes
        The most that a request carries.
    workers
        Requests at once.
    """

    split_lines: bool
    many_records: bool
    payload_bytes: float
    workers: int


def plan_of(record: dict[str, Any], parameters: dict[str, Any]) -> Plan:
    """The plan of a job: what its request says, else what the container's /execution-parameters says, else the service's defaults."""

    def setting(name: str, default: Any) -> Any:
        return record.get(name, parameters.get(name, default))

    payload = int(setting("MaxPayloadInMB", 6))
    return Plan(
        split_lines=record["TransformInput"].get("SplitType", "None") == "Line",
        many_records=setting("BatchStrategy", "MultiRecord") == "MultiRecord",
        payload_bytes=payload * _MIB if payload else float("inf"),
        workers=max(1, int(setting("MaxConcurrentTransforms", 1) or 1)),
    )


class PayloadError(Exception):
    """A record is larger than a request may be; one line."""


def requests_of(content: bytes, compression: str, plan: Plan) -> Iterator[bytes]:
    """The bodies of the requests that carry one object.

    Raises
    ------
    PayloadError
        When a single record is larger than the plan allows.
    """
    if compression == "Gzip":
        content = gzip.decompress(content)
    records = [line for line in content.split(b"\n") if line.strip()] if plan.split_lines else [content]
    batch: list[bytes] = []
    size = 0
    for record in records:
        if len(record) > plan.payload_bytes:
            raise PayloadError(f"a record has {len(record)} bytes, more than MaxPayloadInMB allows ({plan.payload_bytes:.0f} bytes)")
        if batch and (not plan.many_records or size + len(record) + 1 > plan.payload_bytes):
            yield b"\n".join(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record) + 1
    if batch:
        yield b"\n".join(batch)


def assembled(answers: list[bytes], by_line: bool) -> bytes:
    """The content of an output object: answers joined by line, or put end to end."""
    if not by_line:
        return b"".join(answers)
    return b"".join(answer.rstrip(b"\n") + b"\n" for answer in answers)
