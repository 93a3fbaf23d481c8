"""The life of a server: loading, ready, draining; or failed."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from dataclasses import dataclass, field
from typing import Literal

from housing.errors import HousingError
from inference.batcher import Batcher
from inference.errors import RequestError
from inference.model import Model, Outlook
from inference.series import Series
from inference.settings import Settings
from inference.siblings import Siblings
from inference.telemetry import Telemetry

Phase = Literal["loading", "ready", "draining", "failed"]


@dataclass
class State:
    """What the routes share. `reason` says why the phase is `failed`."""

    settings: Settings
    telemetry: Telemetry = field(default_factory=Telemetry)
    phase: Phase = "loading"
    reason: str = ""
    model: Model | None = None
    batcher: Batcher[Series, Outlook] | None = None
    siblings: Siblings | None = None

    def ready(self, model: Model) -> None:
        """From now on the model answers. To be called on the event loop."""
        self.model = model
        self.batcher = Batcher(
            model.predict,
            max_rows=self.settings.max_batch_rows,
            max_queue_rows=self.settings.max_queue_rows,
            deadline_seconds=self.settings.deadline_seconds,
            on_batch=self.telemetry.batch,
            expected_seconds=model.series_seconds,
        )
        self.telemetry.loaded(model, self.batcher)
        if self.phase == "loading":
            self.phase = "ready"
        facts = {"model_version": model.version, "load_seconds": round(model.load_seconds, 3), "process": os.getpid()}
        self.telemetry.log.info("ready", extra={"facts": facts})

    def answering(self) -> Model:
        """The model; RequestError 503 while there is none."""
        if self.model is None or self.phase == "failed":
            raise RequestError("not_ready", "", self.health()[1], 503, 1)
        return self.model

    def health(self) -> tuple[bool, str]:
        """Whether the server takes work, and if not, why not: one line."""
        if self.phase == "ready":
            alive = self.batcher is not None and self.batcher.healthy
            return (True, "ready") if alive else (False, "the prediction thread has ended; restart the container")
        return False, {"loading": "the model is being loaded", "draining": "shutting down", "failed": self.reason}[self.phase]

    async def load(self) -> None:
        """Load the model in a thread, so that /ping answers meanwhile. Any failure becomes the phase `failed` with its reason."""
        try:
            model = await asyncio.to_thread(self._loaded)
        except Exception as error:  # noqa: BLE001 told by /ping and by the log
            self.phase, self.reason = "failed", failure(error, self.telemetry.log)
        else:
            self.ready(model)

    def _loaded(self) -> Model:
        model = Model.load(self.settings.model_folder, self.telemetry.member)
        settle_memory()
        return model


def settle_memory() -> None:
    """What is loaded stays: the garbage collector need not look at it again, which took a tenth of a second each time."""
    gc.collect()
    gc.freeze()


def failure(error: Exception, log: logging.Logger) -> str:
    """Why the model cannot be loaded, one line, which is also logged; with a traceback where that is worth reading."""
    reason = f"the model cannot be loaded: {' '.join(str(error).split()) or type(error).__name__}"
    # An expected error says everything in its message.
    log.error(reason, exc_info=None if isinstance(error, HousingError) else error)
    return reason
