"""A bare environment: the manifests that stand in the repository have the default settings."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "HOUSING_"))]:
        monkeypatch.delenv(name)
