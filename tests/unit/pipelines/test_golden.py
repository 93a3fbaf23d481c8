"""The exported definition, word for word: a change of the pipeline shows as a diff of one file."""

from __future__ import annotations

import difflib
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "golden" / "pipeline.json"


def test_the_exported_definition_is_the_golden_one(exported: str) -> None:
    golden = GOLDEN.read_text()
    diff = "".join(difflib.unified_diff(golden.splitlines(True), exported.splitlines(True), "golden", "exported"))
    assert not diff, f"{diff}\nIf the change is meant: housing pipeline export --out tests/golden/pipeline.json"
