"""The content key: equal for equal content, another for any change of code, data or settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import content_key as module
from training.content_key import content_key, file_hashes


@pytest.fixture(autouse=True)
def image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_IMAGE_DIGEST", "sha256:abc")


def test_the_same_content_has_the_same_key_whatever_the_order() -> None:
    assert content_key({"a": "1", "b": "2"}, {"x": 1, "y": 2}) == content_key({"b": "2", "a": "1"}, {"y": 2, "x": 1})


def test_a_change_of_data_settings_or_image_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {content_key({"a": "1"}, {"x": 1}), content_key({"a": "2"}, {"x": 1}), content_key({"a": "1"}, {"x": 2})}
    monkeypatch.setenv("HOUSING_IMAGE_DIGEST", "sha256:def")
    keys.add(content_key({"a": "1"}, {"x": 1}))
    assert len(keys) == 4


def test_without_an_image_the_source_stands_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HOUSING_IMAGE_DIGEST")
    (tmp_path / "somecode").mkdir()
    (tmp_path / "somecode" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(module, "CODE_PACKAGES", ("somecode",))
    before = content_key({}, {})
    (tmp_path / "somecode" / "more.py").write_text("x = 1\n")
    assert content_key({}, {}) != before


def test_files_are_named_with_their_hash(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    assert file_hashes(tmp_path) == {"a.txt": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}
