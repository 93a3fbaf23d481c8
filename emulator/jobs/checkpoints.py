"""Checkpoints: restored from S3 before training, copied there while it runs and when it ends."""

import time
from collections.abc import Sequence
from typing import Any

from emulator.jobs.channels import Source, copy_in
from emulator.jobs.cluster import alone
from emulator.jobs.layout import Layout
from emulator.jobs.sync import FolderSync
from emulator.s3 import ObjectError, Objects, join

_SECONDS = 5.0
_FOLDER = "/opt/ml/checkpoints"


class Checkpoints:
    """The checkpoint folders of a job's hosts, all of which share one prefix."""

    def __init__(self, objects: Objects, layouts: Sequence[Layout], config: dict[str, Any] | None) -> None:
        self._objects, self._config = objects, config or {}
        folder = self._config.get("LocalPath", _FOLDER)
        self._folders = [layout.folder(folder) for layout in layouts] if config else []
        self._syncs = [FolderSync(objects, folder, self._config["S3Uri"]) for folder in self._folders]
        self._pushed = time.monotonic()

    def restore(self) -> None:
        """Copy what was saved into every host's folder."""
        for folder, sync in zip(self._folders, self._syncs, strict=True):
            try:
                copy_in(self._objects, Source(join(self._config["S3Uri"], "")), folder, alone(), "algo-1")
            except ObjectError:
                return  # nothing saved yet
            sync.remember()

    def push(self) -> None:
        """Copy out what is new."""
        self._pushed = time.monotonic()
        for sync in self._syncs:
            sync.push()

    def push_if_due(self) -> None:
        """Copy out what is new, every few seconds."""
        if time.monotonic() > self._pushed + _SECONDS:
            self.push()
