"""The command of the init container of a serving pod: `python -m agent.fetch` brings HOUSING_MODEL_URI to /opt/ml/model.

The folder is a volume, which can hold what an earlier start of the pod brought; the server refuses a file that is not its model's.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from agent.faults import FAILED, AgentError, say, tell
from agent.storage import Storage, unpack


def main() -> int:
    """Bring the model; the exit status says how it ended. The server itself checks what is in it."""
    folder = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml") / "model"
    uri = os.environ.get("HOUSING_MODEL_URI", "")
    try:
        if not uri.startswith("s3://"):
            raise AgentError(
                f"HOUSING_MODEL_URI: {uri!r} is no address; write s3://BUCKET/KEY of a model.tar.gz, or of its files with `/` at the end"
            )
        fetch(uri, folder, Storage())
    except AgentError as error:
        say(f"failed: {error}" if error.status == FAILED else str(error))
        tell(str(error))
        return error.status
    say(f"{uri}: in {folder}")
    return 0


def fetch(uri: str, folder: Path, storage: Storage) -> None:
    """Put the archive at `uri`, or the files below it where it ends in `/`, in the place of all in `folder`; a fault changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as temporary:
        incoming = Path(temporary)
        _bring(uri, incoming, storage)
        for old in folder.iterdir():
            if old != incoming:
                _remove(old)
        for new in list(incoming.iterdir()):
            new.rename(folder / new.name)


def _bring(uri: str, folder: Path, storage: Storage) -> None:
    if uri.endswith("/"):
        if not storage.download_folder(uri, folder):
            raise AgentError(f"{uri}: nothing is there; give the address of a model.tar.gz, or of its files with `/` at the end")
        return
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / "model.tar.gz"
        storage.download(uri, archive)
        unpack(archive, folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
