"""The digest of an image follows the code that it stands for."""

from __future__ import annotations

from pathlib import Path

from emulator.images import Image


def entry(folder: Path) -> Image:
    return Image("*", folder, code=(folder / "src",))


def test_a_changed_or_renamed_file_changes_the_digest_and_a_compiled_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "src" / "__pycache__").mkdir(parents=True)
    (tmp_path / "src" / "job.py").write_text("1")
    before = entry(tmp_path).digest()
    (tmp_path / "src" / "__pycache__" / "job.pyc").write_text("compiled")
    (tmp_path / "notes.txt").write_text("not code")
    assert entry(tmp_path).digest() == before
    (tmp_path / "src" / "job.py").write_text("2")
    changed = entry(tmp_path).digest()
    (tmp_path / "src" / "job.py").rename(tmp_path / "src" / "work.py")
    assert len({before, changed, entry(tmp_path).digest()}) == 3


def test_an_entry_without_code_always_has_the_same_digest(tmp_path: Path) -> None:
    assert Image("*", tmp_path).digest() == Image("*", tmp_path / "elsewhere").digest()
