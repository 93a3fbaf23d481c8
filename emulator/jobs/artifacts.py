"""What a training job leaves in S3: its model and its other output, put together from all hosts."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from emulator.archives import pack
from emulator.jobs.layout import Layout
from emulator.s3 import Objects, join


class Artifacts:
    """Uploads the folders of a job below `uri`."""

    def __init__(self, objects: Objects, layouts: Sequence[Layout], uri: str, compressed: bool) -> None:
        self._objects, self._layouts, self._uri, self._compressed = objects, layouts, uri, compressed

    def upload_model(self) -> str:
        """`output/model.tar.gz`, or the prefix `output/model/` of a job that wants no archive; returns its URI."""
        folder = self._merged("model")
        if not self._compressed:
            uri = join(self._uri, "output/model") + "/"
            self._objects.upload_folder(folder, uri)
            return uri
        return self._upload_archive(folder, "model.tar.gz")

    def upload_output(self) -> None:
        """`output/output.tar.gz`, where the job wrote to its output folder."""
        folder = self._merged("output/data")
        if any(folder.iterdir()):
            self._upload_archive(folder, "output.tar.gz")

    def _upload_archive(self, folder: Path, name: str) -> str:
        archive, uri = self._layouts[0].home / name, join(self._uri, "output", name)
        pack(folder, archive)
        self._objects.upload(archive, uri)
        return uri

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
