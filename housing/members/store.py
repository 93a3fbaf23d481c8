"""How members write their files: JSON and `.npz`, atomically, the same bytes for the same content."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from housing.atomic import write_atomically
from housing.errors import ArtifactError

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object that `write_json` wrote; ArtifactError when it is absent or no JSON object."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path.name}: {error}; train the member again") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path.name}: holds no JSON object; train the member again")
    return content


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An `.npz` whose bytes depend on the arrays alone (`numpy.savez` stamps the time of day into it)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    write_atomically(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays that `write_arrays` wrote; ArtifactError when they are absent or unreadable."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path.name}: {error}; train the member again") from error
