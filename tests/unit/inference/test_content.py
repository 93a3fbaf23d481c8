"""Bodies in chunks: bounded in records and in bytes, nothing lost, nothing out of order."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from inference import content
from inference.contract import Input, Records, Request, Row


def lines(count: int, length: int) -> bytes:
    return b"".join(json.dumps({"id": n, "inputs": [{"target": [1.5] * length}]}).encode() + b"\n" for n in range(count))


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 1), (content.CHUNK, 5), (content.CHUNK + 1, 5), (100, 20_000)])
def test_lines_come_in_order_in_chunks_of_bounded_size(count: int, length: int) -> None:
    body = lines(count, length)
    chunks = list(content.decode(body, content.JSON_LINES, ""))
    ids = [asked.id for chunk in chunks for asked in chunk if isinstance(asked, Request)]
    assert ids == list(range(count))
    assert all(0 < len(chunk) <= content.CHUNK for chunk in chunks)
    each = len(body) // max(count, 1)
    assert all(len(chunk) == 1 or (len(chunk) - 1) * each <= content.CHUNK_BYTES for chunk in chunks)


def test_wide_rows_of_csv_are_chunked_by_their_cells_and_counted_on() -> None:
    body = b"".join(b"s%d" % n + b",1.5" * 20_000 + b"\n" for n in range(60))
    chunks = [asked for chunk in content.decode(body, content.CSV, "") for asked in chunk]
    assert len(chunks) > 1
    found: list[str | None] = []
    for records in chunks:
        assert isinstance(records, Records)
        assert records.first == len(found)
        found += [one.item_id for one in records.inputs if isinstance(one, Input)]
    assert found == [f"s{n}" for n in range(60)]


def test_wide_arrays_are_chunked_by_their_bytes() -> None:
    table = np.arange(40 * 30_000, dtype=np.float32).reshape(40, 30_000)
    buffer = io.BytesIO()
    np.save(buffer, table)
    chunks = [asked for chunk in content.decode(buffer.getvalue(), content.NPY, "") for asked in chunk]
    assert len(chunks) > 1
    rows = [one.price for records in chunks for one in records.inputs if isinstance(one, Row)]
    np.testing.assert_array_equal(np.stack(rows), table)
