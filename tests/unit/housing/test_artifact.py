"""The artifact is data: sealed, verified, packed to the same bytes, and refused when anything is off."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from housing import artifact
from housing.errors import ArtifactError


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "members" / "naive").mkdir(parents=True)
    (folder / "ensemble.json").write_text('{"weights": [1]}')
    (folder / "members" / "naive" / "member.json").write_text("{}")
    artifact.seal(folder, "2015-07")
    return folder


def tampered_manifest(folder: Path, **changes: object) -> None:
    path = folder / artifact.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_sealed_folder_verifies_and_names_its_version(sealed: Path) -> None:
    manifest = artifact.verify(sealed)
    assert manifest.model_version.startswith("2015-07-")
    assert set(manifest.files) == {"ensemble.json", "members/naive/member.json"}


def test_the_version_follows_the_content(sealed: Path) -> None:
    before = artifact.verify(sealed).model_version
    (sealed / "ensemble.json").write_text('{"weights": [2]}')
    assert artifact.seal(sealed, "2015-07").model_version != before


def test_an_altered_file_is_refused_by_name(sealed: Path) -> None:
    (sealed / "ensemble.json").write_text('{"weights": [2]}')
    with pytest.raises(ArtifactError, match=r"ensemble\.json: its sha256"):
        artifact.verify(sealed)


def test_a_missing_file_is_refused_by_name(sealed: Path) -> None:
    (sealed / "members" / "naive" / "member.json").unlink()
    with pytest.raises(ArtifactError, match=r"members/naive/member\.json: missing"):
        artifact.verify(sealed)


def test_an_unknown_file_is_refused_by_name(sealed: Path) -> None:
    (sealed / "code.py").write_text("print('hello')")
    with pytest.raises(ArtifactError, match=r"code\.py: not in the manifest"):
        artifact.verify(sealed)


def test_a_link_is_refused(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    (sealed / "ensemble.json").unlink()
    (sealed / "ensemble.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(ArtifactError, match="a link"):
        artifact.verify(sealed)


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside.json", "a/../../b", ""])
def test_a_manifest_path_outside_the_folder_is_refused(sealed: Path, name: str) -> None:
    tampered_manifest(sealed, files={name: "0" * 64})
    with pytest.raises(ArtifactError, match="artifact path"):
        artifact.verify(sealed)


def test_another_format_is_refused(sealed: Path) -> None:
    tampered_manifest(sealed, format=99)
    with pytest.raises(ArtifactError, match="format 99"):
        artifact.verify(sealed)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 1, "files": [], "model_version": "x"}'])
def test_a_malformed_manifest_is_refused(sealed: Path, text: str) -> None:
    (sealed / artifact.MANIFEST).write_text(text)
    with pytest.raises(ArtifactError, match=r"manifest\.json: unreadable"):
        artifact.verify(sealed)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"manifest\.json: missing"):
        artifact.verify(tmp_path)


def test_packing_twice_gives_the_same_bytes_and_unpacking_gives_the_files_back(sealed: Path, tmp_path: Path) -> None:
    artifact.pack(sealed, tmp_path / "a.tar.gz")
    (sealed / "ensemble.json").touch()
    artifact.pack(sealed, tmp_path / "b.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    artifact.unpack(tmp_path / "a.tar.gz", tmp_path / "again")
    assert artifact.verify(tmp_path / "again") == artifact.verify(sealed)


def archive_with(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size if kind == tarfile.REGTYPE else 0, "/etc/passwd"
    return made


@pytest.mark.parametrize("name", ["/tmp/evil", "../evil", "a/../../evil"])
def test_an_archive_path_outside_the_folder_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    archive = archive_with(tmp_path / "m.tar.gz", entry(name))
    with pytest.raises(ArtifactError, match="artifact path"):
        artifact.unpack(archive, tmp_path / "model")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_a_device_in_an_archive_is_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(ArtifactError, match="a link or a device"):
        artifact.unpack(archive_with(tmp_path / "m.tar.gz", entry("a", kind)), tmp_path / "model")


def test_the_same_name_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be unpacked"):
        artifact.unpack(archive_with(tmp_path / "m.tar.gz", entry("a"), entry("a")), tmp_path / "model")


def test_an_oversized_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MAX_TOTAL_BYTES", 10)
    with pytest.raises(ArtifactError, match="more than"):
        artifact.unpack(archive_with(tmp_path / "m.tar.gz", entry("a", size=11)), tmp_path / "model")


def test_a_truncated_archive_is_refused(sealed: Path, tmp_path: Path) -> None:
    artifact.pack(sealed, tmp_path / "m.tar.gz")
    content = (tmp_path / "m.tar.gz").read_bytes()
    (tmp_path / "m.tar.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match="cannot be unpacked"):
        artifact.unpack(tmp_path / "m.tar.gz", tmp_path / "model")
