"""A large table is published with the memory of a few regions."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipelines import precomputed
from pipelines.settings import Settings

REGIONS = 2_500


class Bucket:
    """S3 that counts what is written and keeps the pointer."""

    def __init__(self) -> None:
        self.written: Counter[str] = Counter()
        self.pointer: dict[str, Any] = {}

    def put_object(self, Key: str, Body: bytes, **_: Any) -> None:
        self.written[Key.rpartition("/")[0]] += 1
        if Key.endswith("current.json"):
            self.pointer = json.loads(Body)

    def get_object(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return []


def predictions() -> Iterator[dict[str, Any]]:
    """As Forecast answers: twelve months, nine quantiles, some 1.3 kB each."""
    path = [123456.0 + month for month in range(12)]
    levels = {f"0.{level}": path for level in range(1, 10)}
    for number in range(REGIONS):
        yield {"item_id": f"Region {number}", "mean": path, **levels, "drawdown_probability": 0.1, "model_version": "v"}


def test_a_large_table_is_published_whole_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    monkeypatch.setattr(precomputed, "client", lambda *_: bucket)
    tracemalloc.start()
    try:
        table = precomputed.publish(predictions(), Settings())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    folder = table.prefix.partition("housing-123456789012-us-east-1/")[2].rstrip("/")
    assert (table.regions, bucket.written[folder]) == (REGIONS, REGIONS)
    assert bucket.pointer["prefix"] == table.prefix
    assert peak < 1.5e6, "of 3.5 MB of forecasts; what is in flight, and the names"
