"""The table of operations in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator import operations
from emulator.table import renewed

DOCUMENT = Path(__file__).parents[3] / "docs" / "emulator.md"


def test_the_documents_table_is_up_to_date():
    text = DOCUMENT.read_text()
    assert renewed(text) == text, "renew it: python -m emulator.table docs/emulator.md"


def test_every_operation_has_a_sentence_that_says_what_it_does():
    operations.load()
    silent = [f"{service}:{name}" for service, name in operations.registered() if not operations.handler_of(service, name).__doc__]
    assert silent == []


def test_a_document_without_markers_is_refused():
    with pytest.raises(ValueError, match="has no <!-- operations -->"):
        renewed("text")
