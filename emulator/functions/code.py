"""A function's code: its zip as uploaded, unpacked beside it under its hash."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError
from emulator.s3 import ObjectError, Objects

MAX_UNPACKED_BYTES = 262_144_000


@dataclass(frozen=True)
class Code:
    """One version of a function's code."""

    folder: Path
    sha256: str
    size: int


def fetch(context: Context, code: dict[str, Any]) -> bytes:
    """The zip of a CreateFunction or UpdateFunctionCode request.

    Raises
    ------
    ApiError
        InvalidParameterValueException when it names none, or S3 has none there.
    """
    if "ZipFile" in code:
        content: bytes = code["ZipFile"]
        return content
    if "S3Bucket" not in code or "S3Key" not in code:
        raise _invalid("Please provide a source for function code: ZipFile, or S3Bucket and S3Key. Images are not run by this emulator.")
    try:
        return context.part(Objects).get(f"s3://{code['S3Bucket']}/{code['S3Key']}")
    except ObjectError as error:
        raise _invalid(f"Error occurred while GetObject. {error}") from None


def unpack(context: Context, function: str, content: bytes) -> Code:
    """Unpack a zip into the function's folder; the same zip is unpacked once.

    Raises
    ------
    ApiError
        InvalidParameterValueException when it is no zip, leaves its folder, or is too large unpacked.
    """
    digest = hashlib.sha256(content)
    folder = context.home / "functions" / function / digest.hexdigest()
    if not folder.exists():
        temporary = folder.with_suffix(".new")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                _check(archive)
                archive.extractall(temporary)
                _restore_modes(archive, temporary)
        except zipfile.BadZipFile:
            raise _invalid("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
        temporary.replace(folder)
    return Code(folder, base64.b64encode(digest.digest()).decode(), len(content))


def remove(context: Context, function: str) -> None:
    """Remove every version of a function's code."""
    shutil.rmtree(context.home / "functions" / function, ignore_errors=True)


def _check(archive: zipfile.ZipFile) -> None:
    for item in archive.infolist():
        path = PurePosixPath(item.filename)
        if path.is_absolute() or ".." in path.parts:
            raise _invalid(f"Could not unzip uploaded file: {item.filename!r} leaves the function's folder.")
    size = sum(item.file_size for item in archive.infolist())
    if size > MAX_UNPACKED_BYTES:
        raise _invalid(f"Unzipped size must be smaller than {MAX_UNPACKED_BYTES} bytes; it is {size}.")


def _restore_modes(archive: zipfile.ZipFile, folder: Path) -> None:
    for item in archive.infolist():
        mode = item.external_attr >> 16 & 0o777
        if mode and not item.is_dir():
            (folder / item.filename).chmod(mode | 0o400)


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)
