"""One HTTP request as it came in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Query: TypeAlias = Mapping[str, list[str]]


@dataclass(frozen=True)
class Incoming:
    """Method, percent-encoded path, decoded query values, headers by lower-case name, body."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes
