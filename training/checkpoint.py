"""Checkpoints: finished pieces of work that survive the end of the process.

A piece of work is a unit, e.g. `xgboost/2011-01`; a unit may be saved several times, by rising step. Each save is one file,
`UNIT.STEP.SHA256.safetensors`: written beside and renamed, so it is whole or absent, and its name says what its bytes must be, so a file
torn by an interrupted upload is passed over for the step before. Files of another key (other code, data or settings) are never read.

Work is offered when it is done and written when the interval has passed since the last time, or when the process is told to end, so that
many small pieces cost one write.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from housing.atomic import write_atomically
from housing.errors import SettingsError

Arrays = dict[str, npt.NDArray[np.generic]]

FORMAT = 2
INTERVAL_SECONDS = 30.0
"""An interruption without notice costs at most about so much work; HOUSING_CHECKPOINT_SECONDS says otherwise."""
_COST_SHARE = 0.02
"""Checkpoints may take this share of the CPU: beyond it the next write waits."""
_NAME = re.compile(r"(?P<unit>.+)\.(?P<step>\d{8})\.(?P<digest>[0-9a-f]{64})\.safetensors")
_HEADER = "header"
_LENGTH_BYTES = 8
"""Of the number before the JSON header of a safetensors file."""


_Content = tuple[Mapping[str, npt.NDArray[np.generic]], Mapping[str, object]]


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
    interval_seconds : how far apart writes are; 0 writes whatever is offered at once.
    writes : False where another process of the job writes the very same.

    Attributes
    ----------
    cpu_seconds : what saving and reading has cost this process.
    """

    def __init__(self, folder: Path, key: str, keep: int = 2, *, interval_seconds: float = 0.0, writes: bool = True) -> None:
        self.folder = folder
        self.key = key
        self.keep = keep
        self.interval_seconds = interval_seconds
        self._writes = writes
        self.cpu_seconds = 0.0
        self._pending: dict[str, tuple[int, Callable[[], _Content]]] = {}
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the interval has passed since the last write, and checkpoints have not taken too much of the CPU."""
        passed = time.monotonic() - self._last >= self.interval_seconds
        return self._writes and passed and (not self.interval_seconds or self.cpu_seconds <= _COST_SHARE * time.process_time())

    def offer(self, unit: str, step: int, content: Callable[[], _Content]) -> None:
        """Finished work: `content` gives its arrays and facts, now or later, always the same. It is written when the time has come."""
        if self._writes:
            self._pending[unit] = (step, content)
        if self.due():
            self.flush()

    def withdraw(self, unit: str) -> None:
        """Do not write what was offered of a unit: larger work that was offered holds it."""
        self._pending.pop(unit, None)

    def remove(self, unit: str) -> None:
        """Remove what is kept of a unit."""
        if not self._writes:
            return
        for path in self._files(unit):
            path.unlink(missing_ok=True)

    def flush(self) -> None:
        """Write all that was offered."""
        while self._pending:
            unit, (step, content) = next(iter(self._pending.items()))
            with self._timed():
                self._save(unit, *content(), step)
            self._pending.pop(unit, None)  # an interruption before this line writes the same file again
        self._last = time.monotonic()

    def save(
        self, unit: str, arrays: Mapping[str, npt.NDArray[np.generic]], facts: Mapping[str, object] | None = None, step: int = 0
    ) -> None:
        """Keep a step of a unit now; older steps beyond `keep` go."""
        with self._timed():
            self._save(unit, arrays, facts, step)

    def _save(self, unit: str, arrays: Mapping[str, npt.NDArray[np.generic]], facts: Mapping[str, object] | None, step: int) -> None:
        content = _pack(arrays, {"format": FORMAT, "key": self.key, "unit": unit, "facts": dict(facts or {})})
        name = f"{_file_unit(unit)}.{step:08d}.{hashlib.sha256(content).hexdigest()}.safetensors"
        write_atomically(self.folder / name, content)
        for path in self._files(unit)[self.keep :]:
            path.unlink(missing_ok=True)

    def latest(self, unit: str) -> Checkpoint | None:
        """The newest step of a unit that is whole and of this key, or None."""
        with self._timed():
            return next((found for path in self._files(unit) if (found := self._read(path, unit)) is not None), None)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            self.cpu_seconds += time.process_time() - started

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


def interval_seconds() -> float:
    """HOUSING_CHECKPOINT_SECONDS, else the default; SettingsError when it is no number above 0."""
    given = os.environ.get("HOUSING_CHECKPOINT_SECONDS", "")
    try:
        seconds = float(given) if given else INTERVAL_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"HOUSING_CHECKPOINT_SECONDS {given!r}: must be a number of seconds above 0")
    return seconds


def _file_unit(unit: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"%{ord(found[0]):02x}", unit)


def _pack(arrays: Mapping[str, npt.NDArray[np.generic]], header: Mapping[str, object]) -> bytes:
    content: bytes = save(
        {name: np.asarray(array, order="C") for name, array in arrays.items()}, {_HEADER: json.dumps(header, sort_keys=True)}
    )
    return content


def _unpack(content: bytes) -> tuple[Arrays, dict[str, object]]:
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])["__metadata__"][_HEADER]
    return load(content), json.loads(header)
