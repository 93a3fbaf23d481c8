"""The content key: one hash of everything that the result of a training depends on.

Checkpoints live under it, so new data, other settings or other code can never resume an old run, and an identical run can.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

CODE_PACKAGES = ("housing", "training")


def content_key(data: Mapping[str, str], settings: Mapping[str, object]) -> str:
    """32 hexadecimal digits of (code, data manifest, settings).

    Parameters
    ----------
    data :
        File name -> sha256.
    settings :
        JSON values: the plan and whatever else changes the result.
    """
    facts = {"code": code_identity(), "data": dict(data), "settings": dict(settings)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def code_identity() -> str:
    """The image's digest (HOUSING_IMAGE_DIGEST) where it is given, else a hash of the source of `housing` and `training`."""
    return os.environ.get("HOUSING_IMAGE_DIGEST") or _source_hash()


def file_hashes(folder: Path) -> dict[str, str]:
    """File name -> sha256 of every file in `folder` (not below), by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()}


def prepared_hashes(folder: Path, panel_digest: str) -> dict[str, str]:
    """What a training depends on in a prepared folder: its files, with the panel by its values, so that its layout changes nothing.

    The findings about the panel follow from its values and are left out.
    """
    others = {name: found for name, found in file_hashes(folder).items() if not name.startswith(("panel.", "panel-", "quality"))}
    return {**others, "panel": panel_digest}


def _source_hash() -> str:
    digest = hashlib.sha256()
    for package in CODE_PACKAGES:
        spec = find_spec(package)
        for root in map(Path, (spec.submodule_search_locations if spec else None) or ()):
            for path in sorted(root.rglob("*.py")):
                digest.update(path.relative_to(root.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
