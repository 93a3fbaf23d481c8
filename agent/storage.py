"""Folders and S3 prefixes: copy in, copy out, keep in step."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from agent.faults import STORAGE_ERRORS, AgentError, of_storage

MARK = "made-of"
"""Metadata of an object: what its content was made of."""


class Storage:
    """S3 as the pod's role may use it; the endpoint and the credentials are boto3's own affair. AgentError says what failed."""

    def __init__(self) -> None:
        self._s3: Any = boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}))

    def download_folder(self, uri: str, folder: Path) -> int:
        """Copy what lies below `uri/` into `folder`; returns how many files that were."""
        bucket, prefix = split(uri.rstrip("/") + "/")
        count = 0
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    if item["Key"].endswith("/"):
                        continue
                    path = _below(folder, item["Key"].removeprefix(prefix))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self._s3.download_file(bucket, item["Key"], str(path))
                    count += 1
        except STORAGE_ERRORS as error:
            raise of_storage(error, uri) from error
        return count

    def download(self, uri: str, path: Path) -> None:
        """Copy one object."""
        bucket, key = split(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._s3.download_file(bucket, key, str(path))
        except STORAGE_ERRORS as error:
            raise of_storage(error, uri) from error

    def mark(self, uri: str) -> str:
        """The mark with which an object was uploaded; empty when it has none, or is not there.

        It is listed first: who may list below a prefix alone is refused, not told 404, when asking for what is not there.
        """
        bucket, key = split(uri)
        try:
            found = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
            if not found or found[0]["Key"] != key:
                return ""
            return str(self._s3.head_object(Bucket=bucket, Key=key)["Metadata"].get(MARK, ""))
        except STORAGE_ERRORS as error:
            raise of_storage(error, uri) from error

    def upload(self, path: Path, uri: str, mark: str = "") -> None:
        """Copy one file out, with a mark that says of what it was made; a reader sees the whole object or the one before."""
        bucket, key = split(uri)
        try:
            self._s3.upload_file(str(path), bucket, key, ExtraArgs={"Metadata": {MARK: mark}} if mark else None)
        except (*STORAGE_ERRORS, boto3.exceptions.S3UploadFailedError) as error:
            raise of_storage(error.__context__ if isinstance(error.__context__, STORAGE_ERRORS) else error, uri) from error

    def upload_folder(self, folder: Path, uri: str) -> None:
        """Copy every file below `folder` out."""
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            self.upload(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}")


class Mirror:
    """Copies what is new in a folder to a prefix, as SageMaker does with checkpoints: files are added there, none removed."""

    def __init__(self, storage: Storage, folder: Path, uri: str) -> None:
        self._storage, self._folder, self._uri = storage, folder, uri.rstrip("/")
        self._known: dict[Path, tuple[int, int]] = {}
        self.pushed = 0

    def restore(self) -> int:
        """Copy in what was kept; returns how many files that were."""
        self._folder.mkdir(parents=True, exist_ok=True)
        count = self._storage.download_folder(self._uri, self._folder)
        self._known = self._state()
        return count

    def push(self) -> None:
        """Copy out what is new or changed; a file that its owner replaces meanwhile is passed over."""
        for path, state in self._state().items():
            if self._known.get(path) == state:
                continue
            try:
                self._storage.upload(path, f"{self._uri}/{path.relative_to(self._folder).as_posix()}")
            except FileNotFoundError:
                continue
            self._known[path] = state
            self.pushed += 1

    def _state(self) -> dict[Path, tuple[int, int]]:
        state = {}
        for path in sorted(self._folder.rglob("*")):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file() and not path.name.endswith(".partial"):
                state[path] = (facts.st_mtime_ns, facts.st_size)
        return state


def pack(folder: Path, archive: Path) -> None:
    """A folder as `.tar.gz`, as SageMaker packs what a training leaves in `model/`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=6) as packed:
        for path in sorted(folder.rglob("*")):
            packed.add(path, path.relative_to(folder).as_posix(), recursive=False)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the files of an archive; AgentError when it is none, or an entry is a link or would land outside `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for entry in packed:  # not `extractall(filter=...)`, which the images' Python 3.11.2 does not know
                _extract(packed, entry, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise AgentError(f"{archive.name}: {type(error).__name__}: {error}; give the model.tar.gz of a training") from error


def _extract(packed: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    target = _below(folder, entry.name)
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = packed.extractfile(entry) if entry.isreg() else None
    if source is None:
        raise AgentError(f"entry {entry.name!r}: a link or a device; give the model.tar.gz of a training")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)


def split(uri: str) -> tuple[str, str]:
    """`s3://BUCKET/KEY` -> (bucket, key); AgentError when it is something else."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise AgentError(f"{uri!r}: not an S3 address; write s3://BUCKET/KEY")
    return bucket, key


def _below(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise AgentError(f"{name!r}: would be written outside {folder.name}/")
    return path
