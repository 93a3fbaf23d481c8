"""The `/opt/ml` of one host of one job, as a folder that `SAGEMAKER_BASE_DIR` names."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

CONTRACT_ROOT = PurePosixPath("/opt/ml")


class LayoutError(Exception):
    """A path of a request lies outside `/opt/ml`; one line."""


class Layout:
    """Paths below one root; a path of a request such as `/opt/ml/processing/input` becomes one below it."""

    def __init__(self, home: Path) -> None:
        self.home, self.root = home, home / "opt/ml"

    def folder(self, path: str) -> Path:
        """The local folder for an absolute path of the contract, made when missing.

        Raises
        ------
        LayoutError
            When it is not below `/opt/ml`.
        """
        wanted = PurePosixPath(path)
        if not wanted.is_relative_to(CONTRACT_ROOT) or ".." in wanted.parts:
            raise LayoutError(f"{path!r} is not below /opt/ml: jobs without a container have no other folder of their own")
        local = self.root / wanted.relative_to(CONTRACT_ROOT)
        local.mkdir(parents=True, exist_ok=True)
        return local

    def write_json(self, path: str, content: Mapping[str, Any]) -> None:
        """Write a configuration file, for example `input/config/hyperparameters.json`."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))

    def message(self, path: str, limit: int = 1024) -> str:
        """What the job wrote to a message file such as `output/failure`, at most `limit` characters; empty when it wrote none."""
        file = self.root / path
        return file.read_text(errors="replace").strip()[:limit] if file.is_file() else ""
