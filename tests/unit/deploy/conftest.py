"""app.yaml expanded once, with every option on: what is optional stands in it under a condition either way."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scripts.expand_template import EVERYTHING, TEMPLATES, expand


@pytest.fixture(scope="session")
def _expanded() -> dict[str, Any]:
    return expand(TEMPLATES / "app.yaml", EVERYTHING)


@pytest.fixture
def template(_expanded: dict[str, Any]) -> dict[str, Any]:
    """A copy that a test may spoil."""
    return copy.deepcopy(_expanded)
