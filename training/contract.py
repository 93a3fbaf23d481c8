"""SageMaker's container contract for jobs: folders, hyperparameters, channels.

Sources: "How Amazon SageMaker AI Runs Your Training Image" and "Build Your Own Processing Container" in the AWS documentation.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from housing.errors import DataError, SettingsError

MAX_MESSAGE_CHARACTERS = 1024
"""SageMaker keeps this many characters of a failure reason or an exit message."""


@dataclass(frozen=True)
class Container:
    """The folders that SageMaker mounts; `root` is /opt/ml."""

    root: Path

    @classmethod
    def from_environment(cls) -> Container:
        """Root from SAGEMAKER_BASE_DIR, else /opt/ml."""
        return cls(Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"))

    @property
    def model(self) -> Path:
        """What a training job leaves here becomes its model.tar.gz."""
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        """The folder that SageMaker keeps in step with CheckpointConfig.S3Uri."""
        return self.root / "checkpoints"

    @property
    def resource_file(self) -> Path:
        """Which hosts a training job has."""
        return self.root / "input" / "config" / "resourceconfig.json"

    @property
    def processing_resource_file(self) -> Path:
        """Which hosts a processing job has."""
        return self.root / "config" / "resourceconfig.json"

    @property
    def failure_file(self) -> Path:
        """Its content becomes the FailureReason of a training job."""
        return self.root / "output" / "failure"

    @property
    def message_file(self) -> Path:
        """Its content becomes the ExitMessage of a processing job."""
        return self.root / "output" / "message"

    def channel(self, name: str) -> Path:
        """Folder of a training channel; DataError when it is absent or empty."""
        return _filled(self.root / "input" / "data" / name, f"channel {name}")

    def input(self, name: str) -> Path:
        """Folder of a processing input; DataError when it is absent or empty."""
        return _filled(self.root / "processing" / "input" / name, f"input {name}")

    def dealt_input(self, name: str) -> list[Path]:
        """The files of a processing input that is dealt over the hosts, by name; a host may have got none."""
        folder = self.root / "processing" / "input" / name
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def inputs(self, prefix: str) -> list[Path]:
        """Folders of the processing inputs whose name starts with `prefix`, by name; DataError when there are none."""
        found = sorted(path for path in (self.root / "processing" / "input").glob(f"{prefix}*") if path.is_dir())
        if not found:
            raise DataError(f"input {prefix}*: no such folder under processing/input; connect the steps that write it")
        return found

    def output(self, name: str) -> Path:
        """Folder of a processing output, created."""
        folder = self.root / "processing" / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def hyperparameters(self) -> dict[str, str]:
        """Hyperparameters as SageMaker passes them, all strings; SettingsError when the file is not a JSON object."""
        path = self.root / "input" / "config" / "hyperparameters.json"
        try:
            values = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise SettingsError(f"hyperparameters.json: not JSON ({error}); pass a JSON object of strings") from error
        if not isinstance(values, dict):
            raise SettingsError("hyperparameters.json: not an object; pass a JSON object of strings")
        return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def _filled(folder: Path, label: str) -> Path:
    if not folder.is_dir() or not any(folder.iterdir()):
        raise DataError(f"{label}: {folder.name}/ is absent or empty; check the S3 address of the step that writes it")
    return folder
