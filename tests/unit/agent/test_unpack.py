"""What a pod unpacks: the files of a model, and nothing that reaches out of its folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from agent.faults import AgentError
from agent.storage import pack, unpack


def archive(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for entry in entries:
            entry.size = 2 if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(b"ok"))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def test_what_was_packed_comes_out_again(tmp_path: Path) -> None:
    (tmp_path / "model" / "members").mkdir(parents=True)
    (tmp_path / "model" / "members" / "a.json").write_text("{}")
    pack(tmp_path / "model", tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.json")] == ["members/a.json"]


@pytest.mark.parametrize(
    "hostile",
    [
        entry("../out.txt"),
        entry("/etc/out.txt"),
        entry("a", tarfile.SYMTYPE, "/etc"),
        entry("a", tarfile.LNKTYPE, "b"),
        entry("a", tarfile.FIFOTYPE),
    ],
    ids=["above", "absolute", "link", "hard link", "pipe"],
)
def test_what_reaches_out_or_is_no_file_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    with pytest.raises(AgentError, match=r"outside|link or a device"):
        unpack(archive(tmp_path / "model.tar.gz", hostile), tmp_path / "out")
    assert not (tmp_path / "out.txt").exists()


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "model.tar.gz", *(entry(f"{number}") for number in range(200)))
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(AgentError, match="give the model"):
        unpack(whole, tmp_path / "out")
