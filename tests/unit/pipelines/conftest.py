"""The definition is built once: importing the SDK takes seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.settings import Settings


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No choice of this machine's user reaches a test."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def exported() -> Iterator[str]:
    """The default definition as `housing pipeline export` writes it, built with no region, credentials or endpoint."""
    from pipelines.export import export

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        yield export(Settings())


@pytest.fixture
def definition(exported: str) -> dict[str, Any]:
    """A copy that a test may spoil."""
    decoded: dict[str, Any] = json.loads(exported)
    return decoded
