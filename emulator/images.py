"""Which command an image stands for: the images file maps an image's name to a folder, PATH entries and environment.

```yaml
images:
  - match: "*/my-model*"     # shell pattern over the whole image reference
    folder: .                # working directory; relative to this file
    path: [.venv/bin]        # searched first for `train`, `serve` and entrypoints; relative to the folder
    env: {OMP_NUM_THREADS: "1"}
    code: [src]              # what an image's digest stands for: step results are not reused once a file of it changed
```
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from emulator.errors import ImageError

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What runs in place of a container image."""

    match: str
    folder: Path
    path: tuple[Path, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    code: tuple[Path, ...] = ()

    def digest(self) -> str:
        """A hash of every file under `code`, compiled ones left out; the same for an entry that names no code."""
        digest = hashlib.sha256()
        for root in self.code:
            for path in sorted(root.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def environment(self) -> dict[str, str]:
        """The variables that the image itself sets."""
        search = os.pathsep.join([*map(str, self.path), _SYSTEM_PATH])
        return {"PATH": search, "HOME": os.environ.get("HOME", "/root"), "LANG": "C.UTF-8"} | self.env

    def command(self, words: Sequence[str]) -> list[str]:
        """`words` with the program found on the image's own PATH.

        Raises
        ------
        ImageError
            When the image has no such program.
        """
        program = shutil.which(words[0], path=self.environment()["PATH"])
        if program is None:
            raise ImageError(f"images: {words[0]!r} is not on the path of {self.match!r}: add its folder under `path`")
        return [program, *words[1:]]


class Images:
    """The entries of an images file, first match wins."""

    def __init__(self, entries: Sequence[Image], source: str = "images") -> None:
        self._entries, self._source = list(entries), source

    def resolve(self, image: str) -> Image:
        """The entry for an image reference.

        Raises
        ------
        ImageError
            When no entry matches.
        """
        for entry in self._entries:
            if fnmatchcase(image, entry.match):
                return entry
        raise ImageError(f"images: no entry of {self._source} matches {image!r}: add one with match, folder and path")


def read_images(path: Path | None) -> Images:
    """Read an images file; None gives an empty one, against which every image is unknown.

    Raises
    ------
    ImageError
        When the file is missing or not in the format above.
    """
    if path is None:
        return Images([], "EMULATOR_IMAGES (not set)")
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ImageError(f"images: cannot read {path}: {error}; point EMULATOR_IMAGES at a file with a list `images`") from error
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise ImageError(f"images: {path} has no list `images`")
    return Images([_entry(item, path) for item in content["images"]], str(path))


def _entry(item: Any, path: Path) -> Image:
    if not isinstance(item, dict) or not isinstance(item.get("match"), str) or set(item) - {"match", "folder", "path", "env", "code"}:
        raise ImageError(f"images: {path}: an entry is {{match, folder, path, env, code}}, got {item!r}")
    folder = (path.parent / item.get("folder", ".")).resolve()
    # not resolved: the bin folder of a virtual environment may be a link that must stay one
    search = tuple(folder / entry for entry in item.get("path") or [])
    code = tuple(folder / entry for entry in item.get("code") or [])
    return Image(item["match"], folder, search, {key: str(value) for key, value in (item.get("env") or {}).items()}, code)
