"""Folders that are copied to S3 while a job runs: checkpoints and continuous outputs."""

from pathlib import Path

from emulator.s3 import Objects, join


class FolderSync:
    """Uploads what is new or changed below `folder` since the last call."""

    def __init__(self, objects: Objects, folder: Path, uri: str) -> None:
        self._objects, self._folder, self._uri = objects, folder, uri
        self._seen: dict[Path, tuple[int, int]] = {}

    def remember(self) -> None:
        """Take what is there now as uploaded already."""
        self._seen = self._state()

    def push(self) -> None:
        """Upload the files that differ from the last upload; a file that vanishes meanwhile is skipped."""
        for path, state in self._state().items():
            if self._seen.get(path) == state:
                continue
            try:
                self._objects.upload(path, join(self._uri, path.relative_to(self._folder).as_posix()))
            except FileNotFoundError:
                continue
            self._seen[path] = state

    def _state(self) -> dict[Path, tuple[int, int]]:
        state = {}
        for path in sorted(self._folder.rglob("*")):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file():
                state[path] = (facts.st_mtime_ns, facts.st_size)
        return state
