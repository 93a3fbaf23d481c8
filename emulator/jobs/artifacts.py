"""What a training job leaves in S3: its model and its other output, put together from all hosts."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emulator.archives import pack
from emulator.jobs.layout import Layout
from emulator.s3 import Objects, join


def model_uri(job: str, config: dict[str, Any]) -> str:
    """Where a job's model goes: `model.tar.gz`, or the prefix `model/` of a job that wants no archive."""
    return join(config["S3OutputPath"], job, "output", "model/" if config.get("CompressionType") == "NONE" else "model.tar.gz")


class Artifacts:
    """Uploads the folders of a job as its OutputDataConfig says."""

    def __init__(self, objects: Objects, layouts: Sequence[Layout], job: str, config: dict[str, Any]) -> None:
        self._objects, self._layouts = objects, layouts
        self._model, self._output = model_uri(job, config), join(config["S3OutputPath"], job, "output/output.tar.gz")

    def upload_model(self) -> None:
        """The model folder, as one archive or as it is."""
        folder = self._merged("model")
        if self._model.endswith("/"):
            self._objects.upload_folder(folder, self._model)
        else:
            self._upload_archive(folder, self._model)

    def upload_output(self) -> None:
        """`output/output.tar.gz`, where the job wrote to its output folder."""
        folder = self._merged("output/data")
        if any(folder.iterdir()):
            self._upload_archive(folder, self._output)

    def _upload_archive(self, folder: Path, uri: str) -> None:
        archive = self._layouts[0].home / uri.rpartition("/")[2]
        pack(folder, archive)
        self._objects.upload(archive, uri)

    def _merged(self, path: str) -> Path:
        """The folder of the first host, with what only other hosts wrote added to it."""
        first, *others = (layout.root / path for layout in self._layouts)
        for other in others:
            for file in (item for item in other.rglob("*") if item.is_file()):
                target = first / file.relative_to(other)
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(file, target)
        return first
