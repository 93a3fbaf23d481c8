"""The command `serve`: what SageMaker runs in a hosting container (`IMAGE serve`)."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
from threadpoolctl import threadpool_limits

from housing.errors import SettingsError
from inference.machine import cores, devices
from inference.model import Model
from inference.process import BACKLOG, serve
from inference.settings import Settings
from inference.siblings import Siblings
from inference.spans import exporting_spans
from inference.state import State, failure, settle_memory
from inference.telemetry import Telemetry, json_log
from inference.workers import Part, Say, Workers


@dataclass
class Forked:
    """What the processes of a server with several workers do; `model` is loaded before they are forked, where they can share it."""

    settings: Settings
    listener: socket.socket
    shared: bool
    model: Model | None = None

    def prepare(self) -> str:
        """Load the model that is shared; why that failed, or nothing."""
        if not self.shared:
            return ""
        started = time.perf_counter()
        try:
            self.model = Model.cold(self.settings.model_folder)
        except Exception as error:  # noqa: BLE001 told by /ping and by the log
            return failure(error, json_log())
        settle_memory()
        self.model.load_seconds = time.perf_counter() - started
        return ""

    def wait(self, told: int) -> int:
        """Answer that the model is being loaded, until a failure is told or SIGTERM."""

        async def begin(state: State) -> None:
            loop, said = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(told, said.set)
            await said.wait()
            loop.remove_reader(told)
            state.phase, state.reason = "failed", os.read(told, 65536).decode()

        return uvloop.run(serve(replace(self.settings, drain_seconds=0), Telemetry(), self.listener, begin))

    def work(self, part: Part, say: Say, folder: Path) -> int:
        """Serve as one of the workers, once all are warm."""
        telemetry = new_telemetry(self.settings)
        try:
            if self.model is None:
                model = Model.load(self.settings.model_folder, telemetry.member)
            else:
                model = self.model
                model.report_to(telemetry.member)
                model.warm_up()
        except Exception as error:  # noqa: BLE001 told by /ping and by the log
            say(failure(error, telemetry.log))
            return 1
        settle_memory()
        say("")

        async def begin(state: State) -> None:
            state.ready(model)

        return uvloop.run(serve(self.settings, telemetry, self.listener, begin, Siblings(folder, part.number)))


def parts_of(settings: Settings) -> tuple[list[Part], bool]:
    """The workers of this machine, and whether they can share one model: one per GPU, else one per core."""
    visible = devices()
    if visible:
        count = min(settings.workers or len(visible), len(visible))
        return [Part(number, {"CUDA_VISIBLE_DEVICES": visible[number]}) for number in range(count)], False
    return [Part(number) for number in range(settings.workers or cores())], True


def listen(settings: Settings) -> socket.socket:
    """The listening socket; SettingsError when the address cannot be had."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        message = f"HOUSING_SERVE_HOST, SAGEMAKER_BIND_TO_PORT: {settings.host}:{settings.port}: {error}; name an address that is free"
        raise SettingsError(message) from error


def new_telemetry(settings: Settings) -> Telemetry:
    """Telemetry of one process; SettingsError where spans are wanted without their packages."""
    return Telemetry(exporting_spans() if settings.traces else None)


def use_one_thread() -> None:
    """One row is fastest on one thread; concurrency comes from batching, and from a worker on each core."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    threadpool_limits(int(os.environ["OMP_NUM_THREADS"]))


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    parts, shared = parts_of(settings)
    if len(parts) == 1:
        telemetry = new_telemetry(settings)
        return uvloop.run(serve(settings, telemetry, listen(settings)))
    forked = Forked(settings, listen(settings), shared)
    log = json_log()
    return Workers(parts, forked.wait, forked.work, settings.failure_seconds, log.warning).run(forked.prepare)


def main() -> None:
    """Serve the model of SM_MODEL_DIR (else /opt/ml/model) on SAGEMAKER_BIND_TO_PORT (else 8080)."""
    use_one_thread()
    try:
        status = run(Settings.from_environment())
    except SettingsError as error:
        sys.exit(f"serve: {error}")
    sys.stdout.flush()
    # A load that is still running in its thread must not hold the process back.
    os._exit(status)


if __name__ == "__main__":
    main()
