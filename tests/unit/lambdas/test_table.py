"""The routing table of the documentation is the one of the code."""

from __future__ import annotations

import re
from pathlib import Path

from lambdas.predict.shape import FOUNDATION
from lambdas.predict.table import SAGEMAKER, Row, read_table

DOCUMENT = (Path(__file__).parents[3] / "docs" / "functions.md").read_text()


def test_the_example_of_another_table_is_one() -> None:
    (example,) = re.findall(r"```json\n(\[.*?\])\n```", DOCUMENT, re.DOTALL)
    rows = read_table(example, "sagemaker")
    assert [row.route for row in rows] == ["precomputed", "gpu", "cpu"]
    assert rows[2] == Row("cpu", only_after_failure=True, foundation=False, explain=False)


def test_the_table_shown_is_the_table_used() -> None:
    section = DOCUMENT.partition("### Routing")[2].partition("HOUSING_BACKEND=eks")[0]
    shown = re.findall(r"^\| `(\w+)`(, after a failure only)? \| (.*?) \| (\d+) s \|", section, re.MULTILINE)
    assert [(route, bool(after), float(seconds)) for route, after, _, seconds in shown] == [
        (row.route, row.only_after_failure, row.seconds) for row in SAGEMAKER
    ]
    for row, (_, _, takes, _) in zip(SAGEMAKER, shown, strict=True):
        assert str(row.max_series) in takes
        assert row.route == "precomputed" or f"{row.max_bytes >> 20} MiB" in takes or f"{row.max_bytes >> 10} KiB" in takes
        assert ("no foundation member" in takes) == (not row.foundation)
        assert ("no explanation" in takes) == (not row.explain)
    assert all(f"`{name}`" in DOCUMENT for name in FOUNDATION)
