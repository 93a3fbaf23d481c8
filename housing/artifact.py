"""The model artifact: a folder of data files under a manifest, and its archive.

`seal` writes the manifest, `verify` holds a folder against it, `pack` and `unpack` go to and from `model.tar.gz`. Nothing is executed by
loading: there is no pickle, and a file that the manifest does not name, or names with another sha256, is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from housing.atomic import write_atomically
from housing.errors import ArtifactError

FORMAT = 1
MANIFEST = "manifest.json"
MAX_FILES = 10_000
MAX_TOTAL_BYTES = 8 * 1024**3
"""An archive that unpacks to more is refused before the disk is full."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What an artifact holds: `files` maps a relative path to its sha256."""

    model_version: str
    files: dict[str, str]


def seal(folder: Path, label: str) -> Manifest:
    """Write `manifest.json` over the files in `folder`; the version is `label` and a hash of the content."""
    files = {name: _sha256(folder / name) for name in _files_below(folder) if name != MANIFEST}
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    manifest = Manifest(f"{label}-{digest[:10]}", files)
    text = json.dumps({"format": FORMAT, "model_version": manifest.model_version, "files": files}, indent=1, sort_keys=True) + "\n"
    write_atomically(folder / MANIFEST, text)
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest of `folder`, after every file was held against it.

    Raises
    ------
    ArtifactError
        On an absent or malformed manifest, another format, a path that leaves the folder,
        a link, or a file that is missing, unknown or altered.
    """
    manifest = _read_manifest(folder)
    present = set(_files_below(folder)) - {MANIFEST}
    for name in sorted(present - set(manifest.files)):
        raise ArtifactError(f"artifact file {name}: not in the manifest; remove it or train again")
    for name in sorted(set(manifest.files) - present):
        raise ArtifactError(f"artifact file {name}: missing; download the artifact again")
    for name, expected in manifest.files.items():
        if _sha256(folder / name) != expected:
            raise ArtifactError(f"artifact file {name}: its sha256 is not that of the manifest; download the artifact again")
    return manifest


def pack(folder: Path, archive: Path) -> None:
    """Write `archive` (tar.gz) from a sealed folder; the same files give the same bytes."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    temporary = archive.with_name(f".{archive.name}.{os.getpid()}")
    with (
        temporary.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in _files_below(folder):
            entry = tarfile.TarInfo(name)
            entry.size = (folder / name).stat().st_size
            entry.mode = 0o644
            with (folder / name).open("rb") as content:
                tar.addfile(entry, content)
    temporary.replace(archive)


def unpack(archive: Path, folder: Path) -> None:
    """Extract regular files of `archive` into `folder`; ArtifactError on anything else, before it is written."""
    total = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for count, entry in enumerate(tar):
                if entry.isdir():
                    continue
                total += entry.size
                _check_entry(entry, count, total)
                source = tar.extractfile(entry)
                if source is None:
                    raise ArtifactError(f"artifact entry {entry.name}: no content; pack the artifact again")
                target = folder / _safe_name(entry.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    while chunk := source.read(_CHUNK_BYTES):
                        file.write(chunk)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ArtifactError(f"archive {archive.name}: cannot be unpacked ({error}); download it again") from error


def _check_entry(entry: tarfile.TarInfo, count: int, total: int) -> None:
    if not entry.isreg():
        raise ArtifactError(f"artifact entry {entry.name}: a link or a device; an artifact has files only")
    if count >= MAX_FILES or total > MAX_TOTAL_BYTES:
        raise ArtifactError(f"artifact: more than {MAX_FILES} files or {MAX_TOTAL_BYTES} bytes; this is no model of ours")


def _read_manifest(folder: Path) -> Manifest:
    try:
        facts = json.loads((folder / MANIFEST).read_text())
        if facts["format"] != FORMAT:
            raise ArtifactError(f"{MANIFEST}: format {facts['format']!r}, not {FORMAT}; use the version that wrote it or train again")
        files = {_safe_name(name): str(digest) for name, digest in facts["files"].items()}
        return Manifest(str(facts["model_version"]), files)
    except FileNotFoundError as error:
        raise ArtifactError(f"{MANIFEST}: missing in {folder.name}/; point to the folder of an unpacked model.tar.gz") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{MANIFEST}: unreadable ({error}); download the artifact again") from error


def _safe_name(name: object) -> str:
    """`name` as a normal relative path; ArtifactError when it is absolute or climbs."""
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or "\\" in str(name) or "\0" in str(name) or not path.parts:
        raise ArtifactError(f"artifact path {str(name)!r}: absolute or outside the folder; this is no model of ours")
    return path.as_posix()


def _files_below(folder: Path) -> list[str]:
    """Relative paths of the files below `folder`, sorted; ArtifactError on a link or a special file."""
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArtifactError(f"artifact file {name}: a link or a device; an artifact has files only")
        if path.is_file():
            found.append(name)
    return sorted(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
