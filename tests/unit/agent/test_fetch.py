"""What the volume of a serving pod holds after its init container: the model, and nothing of an earlier start."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import cast

import pytest

from agent.fetch import fetch, main
from agent.storage import Storage


class Shelf:
    """Stands for S3: a folder of files, or an archive."""

    def __init__(self, content: Path) -> None:
        self._content = content

    def download_folder(self, _uri: str, folder: Path) -> int:
        (folder / "members").mkdir()
        (folder / "members" / "new.json").write_text("new")
        return 1

    def download(self, _uri: str, path: Path) -> None:
        path.write_bytes(self._content.read_bytes())


@pytest.fixture
def shelf(tmp_path: Path) -> Storage:
    (tmp_path / "new.json").write_text("new")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "new.json", "members/new.json")
    return cast(Storage, Shelf(tmp_path / "model.tar.gz"))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """As a pod finds it whose node came back: an older model, and what an interrupted fetch left."""
    folder = tmp_path / "volume"
    for name in ("members/old.json", "old/deep/file", ".incoming-x/half", "manifest.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")
    (folder / "members" / "link").symlink_to(tmp_path)
    (folder / "link").symlink_to(tmp_path)
    return folder


def held(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


@pytest.mark.parametrize("uri", ["s3://models/one/", "s3://models/model.tar.gz"])
def test_a_model_takes_the_place_of_all_that_the_volume_held(shelf: Storage, volume: Path, tmp_path: Path, uri: str) -> None:
    fetch(uri, volume, shelf)
    assert held(volume) == ["members/new.json"]
    assert [path.name for path in volume.iterdir()] == ["members"]
    assert (tmp_path / "new.json").is_file(), "a link is removed, not what it points to"


def test_a_fetch_that_fails_leaves_the_volume_as_it_was(shelf: Storage, volume: Path, tmp_path: Path) -> None:
    before = held(volume)
    (tmp_path / "model.tar.gz").write_bytes(b"torn")
    with pytest.raises(Exception, match="give the model"):
        fetch("s3://models/model.tar.gz", volume, shelf)
    assert held(volume) == before


def test_an_absent_address_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOUSING_MODEL_URI", raising=False)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "ml"))
    assert main() == 1
    assert "failed: HOUSING_MODEL_URI: '' is no address" in capsys.readouterr().out
    assert not (tmp_path / "ml" / "model").exists()
