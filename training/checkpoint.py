"""Checkpoints: finished pieces of work that survive the end of the process.

A piece of work is a unit, e.g. `xgboost/2011-01`; a unit may be saved several times, by rising step. Each save is one file,
`UNIT.STEP.SHA256.npz`: written beside and renamed, so it is whole or absent, and its name says what its bytes must be, so a file torn by
an interrupted upload is passed over for the step before. Files of another key (other code, data or settings) are never read.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from housing.atomic import write_atomically

Arrays = dict[str, npt.NDArray[np.generic]]

FORMAT = 1
_NAME = re.compile(r"(?P<unit>.+)\.(?P<step>\d{8})\.(?P<digest>[0-9a-f]{64})\.npz")
_FACTS = "facts.json"


@dataclass(frozen=True)
class Checkpoint:
    """One saved step of a unit: its arrays and its facts (JSON values)."""

    step: int
    arrays: Arrays
    facts: dict[str, object]


class Checkpoints:
    """The checkpoint folder, as one run with `key` sees it.

    Parameters
    ----------
    folder : where SageMaker keeps checkpoints; need not exist.
    key : what the work is made from (code, data, settings); only checkpoints of the same key are read.
    keep : how many steps of a unit stay.
    """

    def __init__(self, folder: Path, key: str, keep: int = 2) -> None:
        self.folder = folder
        self.key = key
        self.keep = keep

    def save(
        self, unit: str, arrays: Mapping[str, npt.NDArray[np.generic]], facts: Mapping[str, object] | None = None, step: int = 0
    ) -> None:
        """Keep a step of a unit; older steps beyond `keep` go."""
        content = _pack(arrays, {"format": FORMAT, "key": self.key, "unit": unit, "facts": dict(facts or {})})
        name = f"{_file_unit(unit)}.{step:08d}.{hashlib.sha256(content).hexdigest()}.npz"
        write_atomically(self.folder / name, content)
        for path in self._files(unit)[self.keep :]:
            path.unlink(missing_ok=True)

    def latest(self, unit: str) -> Checkpoint | None:
        """The newest step of a unit that is whole and of this key, or None."""
        for path in self._files(unit):
            found = self._read(path, unit)
            if found is not None:
                return found
        return None

    def _files(self, unit: str) -> list[Path]:
        """Files of a unit, newest step first."""
        found = [
            (match["step"], path)
            for path in self._folder_files()
            if (match := _NAME.fullmatch(path.name)) and match["unit"] == _file_unit(unit)
        ]
        return [path for _, path in sorted(found, reverse=True)]

    def _folder_files(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _read(self, path: Path, unit: str) -> Checkpoint | None:
        match = _NAME.fullmatch(path.name)
        content = path.read_bytes()
        if match is None or hashlib.sha256(content).hexdigest() != match["digest"]:
            return None
        arrays, header = _unpack(content)
        if header.get("format") != FORMAT or header.get("key") != self.key or header.get("unit") != unit:
            return None
        facts = header["facts"]
        return Checkpoint(step=int(match["step"]), arrays=arrays, facts=facts if isinstance(facts, dict) else {})


def _file_unit(unit: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"%{ord(found[0]):02x}", unit)


def _pack(arrays: Mapping[str, npt.NDArray[np.generic]], header: Mapping[str, object]) -> bytes:
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    np.savez(buffer, allow_pickle=False, **{**arrays, _FACTS: text})
    return buffer.getvalue()


def _unpack(content: bytes) -> tuple[Arrays, dict[str, object]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays.pop(_FACTS).tobytes())
    return arrays, header
