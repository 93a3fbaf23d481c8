"""One container process of a variant, from its start to its end; a restart is another instance."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Mapping
from typing import Any

from emulator.archives import ArchiveError
from emulator.containers import ContainerError, ServerProcess, start_model_server
from emulator.context import Context
from emulator.endpoints.connection import Pool
from emulator.errors import EmulatorError
from emulator.logs import LogStream, log_file
from emulator.s3 import ObjectError

_STOP_GRACE_SECONDS = 10.0
_numbers = itertools.count()


class VariantError(EmulatorError):
    """A variant did not come up; the text is the endpoint's FailureReason."""


class Instance:
    """A running container: `pool` has the connections to it, and its log goes to CloudWatch."""

    def __init__(self, context: Context, endpoint: str, variant: str) -> None:
        identity = f"i-{time.time_ns():x}{next(_numbers):03x}"
        self._context, self._variant = context, variant
        self._folder = context.home / "endpoints" / endpoint / f"{variant}-{identity}"
        self._log = log_file(context, f"Endpoints/{endpoint}", variant, identity)
        self._stream = LogStream(context, f"Endpoints/{endpoint}", variant, identity)
        self._server: ServerProcess | None = None
        self.pool: Pool | None = None

    def start(self, container: Mapping[str, Any], timeout_seconds: float) -> None:
        """Start the container and wait until it answers its ping.

        Raises
        ------
        VariantError
            When it doesn't; nothing is left running.
        """
        self._folder.mkdir(parents=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        (self._folder / "container.log").symlink_to(self._log)
        try:
            image, model, environment = container["Image"], container.get("ModelDataUrl"), container["Environment"]
            self._server = start_model_server(self._context, image, model, environment, self._folder)
            self._server.wait_ready(timeout_seconds)
        except (EmulatorError, ContainerError, ObjectError, ArchiveError, OSError) as error:
            self.stop()
            reason = f"The primary container for production variant {self._variant} did not pass the ping health check"
            raise VariantError(f"{reason}: {error}") from error
        self.pool = Pool(self._server.port)

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit status, or None while it runs."""
        status = self._server.process.wait(timeout_seconds) if self._server is not None else 0
        self._stream.ship(everything=status is not None)
        return status

    def last_line(self) -> str:
        """The last line that the container wrote."""
        return self._server.last_line() if self._server is not None else ""

    def stop(self) -> None:
        """End the container and remove its folder; its log stays under `logs/Endpoints`."""
        if self._server is not None:
            self._server.stop(_STOP_GRACE_SECONDS)
        self._stream.ship(everything=True)
        shutil.rmtree(self._folder, ignore_errors=True)
