"""model.tar.gz and output.tar.gz: made from a folder, and unpacked without trust."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath


class ArchiveError(Exception):
    """An archive is damaged or would write outside its folder; one line."""


def pack(folder: Path, archive: Path) -> None:
    """Write the files below `folder` to a gzipped tar, links followed, written under another name first."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    with tarfile.open(partial, "w:gz", compresslevel=1, dereference=True) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    partial.replace(archive)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack regular files and folders of a gzipped or plain tar.

    Raises
    ------
    ArchiveError
        When it can't be read, or has an absolute path, a path through `..`, a link or a device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                _unpack_member(tar, member, folder)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArchiveError(f"{archive.name} cannot be unpacked: {error}") from error


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise ArchiveError(f"{member.name!r} would be written outside the folder")
    target = folder / name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
    elif member.isreg():
        target.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        with target.open("wb") as file:
            if source is not None:
                shutil.copyfileobj(source, file, 1 << 20)
        target.chmod(member.mode & 0o777 | 0o600)
    else:
        raise ArchiveError(f"{member.name!r} is neither a file nor a folder")
