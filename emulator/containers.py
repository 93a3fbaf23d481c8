"""A model container as a process: `IMAGE serve` with the model unpacked, answering /ping and /invocations on a port of its own."""

import http.client
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.archives import unpack
from emulator.processes import Processes, RunningProcess
from emulator.s3 import Objects, parse
from emulator.sandbox import Container, command_of, require_image

if TYPE_CHECKING:
    from emulator.context import Context

_PING_TIMEOUT_SECONDS = 2.0
_PING_PAUSE_SECONDS = 0.05
STOP_GRACE_SECONDS = 30.0


class ContainerError(Exception):
    """A model container did not start or did not answer its ping; one line."""


class ServerProcess:
    """A started model container on 127.0.0.1."""

    def __init__(self, process: RunningProcess, port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def ping(self) -> int | None:
        """The status of `GET /ping`; None when nothing answers."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PING_TIMEOUT_SECONDS)) as connection:
            try:
                connection.request("GET", "/ping")
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return None

    def wait_ready(self, timeout_seconds: float) -> None:
        """Wait until /ping answers 200.

        Raises
        ------
        ContainerError
            When the container exits first or the time passes.
        """
        end = time.monotonic() + timeout_seconds
        while True:
            status = self.ping()
            if status == http.HTTPStatus.OK:
                return
            code = self.process.wait(_PING_PAUSE_SECONDS)
            if code is not None:
                raise ContainerError(f"The container exited with status {code} before /ping answered 200: {self.last_line()}")
            if time.monotonic() > end:
                answered = "nothing answered" if status is None else f"it answered {status}"
                raise ContainerError(f"The container did not pass the ping health check in {timeout_seconds:g} s: {answered}")

    def last_line(self) -> str:
        """The last line that the container wrote."""
        lines = self.log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.wait(0) is None

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """SIGTERM, then SIGKILL after `grace_seconds`; no descendant is left."""
        self.process.stop(grace_seconds)


def start_model_server(  # noqa: PLR0917
    context: "Context", image: str, model_data_url: str | None, environment: Mapping[str, str], home: Path, log: Path | None = None
) -> ServerProcess:
    """Start `IMAGE serve` with the model under `home/opt/ml/model`.

    Parameters
    ----------
    context, image
        The emulator, and the container image to look up in its images file.
    model_data_url
        A `model.tar.gz` to unpack, or a prefix that ends with `/` whose objects are copied as they are; None: the image has its model.
    environment
        The container's variables as given to CreateModel.
    home
        The container's own folder; removed by the caller after `stop`.
    log
        Where its output is appended; `home/container.log` when None.

    Raises
    ------
    ImageError, ObjectError, ArchiveError, ContainerError
        When the image is unknown, the model can't be fetched or unpacked, or the program can't be started.
    """
    root = home / "opt/ml"
    (root / "model").mkdir(parents=True, exist_ok=True)
    require_image(context, image)  # before the model is fetched, which may take long
    if model_data_url:
        fetch_model(context, model_data_url, root / "model")
    port, log = free_port(), log or home / "container.log"
    env = {**environment, "SAGEMAKER_BIND_TO_PORT": str(port)}
    process = context.part(Processes).start(command_of(context, Container(image, ["serve"], env, root, log)))
    return ServerProcess(process, port, log)


def fetch_model(context: "Context", model_data_url: str, folder: Path) -> None:
    """Copy a model from S3 into `folder`, unpacked when it is an archive."""
    objects = context.part(Objects)
    if model_data_url.endswith("/"):
        prefix = parse(model_data_url)
        for key in objects.list(model_data_url):
            objects.download(f"s3://{prefix.bucket}/{key}", folder / key.removeprefix(prefix.key))
        return
    archive = folder.parent / "model.tar.gz"
    objects.download(model_data_url, archive)
    unpack(archive, folder)
    archive.unlink()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
