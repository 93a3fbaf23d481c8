"""An unchanged definition is read back; anything that it depends on makes another."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import export
from pipelines.settings import Settings


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of the pipelines that were really built."""
    names: list[str] = []

    def build(settings: Settings) -> str:
        names.append(settings.pipeline_name)
        return f"definition of {settings.pipeline_name}\n"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(export, "export", build)
    return names


def test_the_same_settings_are_built_once(built: list[str]) -> None:
    texts = {export.export_cached(Settings()) for _ in range(3)}
    assert texts == {"definition of housing-forecast\n"}
    assert built == ["housing-forecast"]


def test_other_settings_are_built_again(built: list[str]) -> None:
    export.export_cached(Settings())
    export.export_cached(Settings(pipeline_name="other"))
    assert built == ["housing-forecast", "other"]
