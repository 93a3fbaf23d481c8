"""A file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing.atomic import write_atomically


def test_parents_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.txt", "caf\u00e9")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"caf\xc3\xa9"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "b.txt"
    write_atomically(target, b"old")

    def full_disk(self: Path, content: bytes) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(target, b"new")
    assert target.read_text() == "old"
