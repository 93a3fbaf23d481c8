"""The state folder of one emulator: its paths, its lock, and what it last ran as."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from emulator.errors import EmulatorError

DEFAULT_FOLDER = ".emulator"


class HomeError(EmulatorError):
    """The state folder can't be used."""


@dataclass(frozen=True)
class LastRun:
    """How the emulator of this folder last ran; only the lock says whether it still does."""

    pid: int
    port: int
    region: str
    images: str | None
    started: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Home:
    """A state folder. One emulator at a time runs in it, which the lock makes sure of: the system frees it when its holder dies."""

    folder: Path

    @classmethod
    def at(cls, folder: Path | str | None = None) -> Home:
        """The folder given, else EMULATOR_HOME, else `.emulator` in the working directory."""
        return cls(Path(folder or os.environ.get("EMULATOR_HOME") or DEFAULT_FOLDER).absolute())

    @property
    def log(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def records(self) -> Path:
        return self.folder / "records.sqlite"

    @property
    def objects(self) -> Path:
        return self.folder / "s3"

    @property
    def _run_file(self) -> Path:
        return self.folder / "emulator.json"

    def create(self) -> None:
        """Make the folder.

        Raises
        ------
        HomeError
            When it can't be made, or holds something else.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # one look: between two, another start may have made its lock
            names = {item.name for item in self.folder.iterdir()}
            if names - {".gitignore"} and "lock" not in names:
                raise HomeError(f"home: {self.folder} holds other files: choose an empty folder with EMULATOR_HOME")
            (self.folder / "lock").touch(mode=0o600)
            (self.folder / ".gitignore").write_text("*\n")
        except OSError as error:
            raise HomeError(f"home: cannot create {self.folder}: {error.strerror}: choose another folder with EMULATOR_HOME") from error

    def lock(self) -> int | None:
        """Take the lock; the returned descriptor holds it. None when another process has it."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def is_locked(self) -> bool:
        if not (self.folder / "lock").exists():
            return False
        descriptor = self.lock()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def last_run(self) -> LastRun | None:
        """What the last start wrote, or None in a new folder."""
        try:
            record = json.loads(self._run_file.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise HomeError(f"home: {self._run_file} is not JSON: remove it and start again") from error
        return LastRun(**{field.name: record[field.name] for field in fields(LastRun)})

    def write_run(self, run: LastRun) -> None:
        temporary = self._run_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(run)))
        temporary.replace(self._run_file)

    def erase(self) -> None:
        """Remove the folder and all it holds.

        Raises
        ------
        HomeError
            When no emulator ever ran there, so that it may be somebody's own folder.
        """
        if not self.folder.exists():
            return
        if not self._run_file.exists():
            raise HomeError(f"home: {self.folder} is not the state folder of an emulator: nothing was removed")
        shutil.rmtree(self.folder)
