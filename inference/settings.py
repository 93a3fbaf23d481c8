"""Settings of the server, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from housing.errors import SettingsError

REALTIME_BODY_BYTES = 6 * 1024 * 1024
"""SageMaker's limit of a real-time invocation."""

MAX_WORKERS = 256

BATCH_BODY_MEGABYTES = 100
"""SageMaker's limit of a batch transform payload."""


@dataclass(frozen=True)
class Settings:
    """Where the model is, where to listen, and the limits.

    Attributes
    ----------
    max_body_bytes : larger bodies get 413.
    max_batch_rows : series in one call of the model.
    max_queue_rows : series that may wait; more get 503.
    deadline_seconds : an answer later than this is an error; SageMaker itself gives up after 60 s.
    workers : processes that serve; 0 means one per GPU, else one per core.
    drain_seconds : how long a server that was told to end still accepts work while it already reports not ready.
    access_log : one log line per request; errors of the server are logged in any case.
    traces : OpenTelemetry spans, see `inference.spans`.
    failure_seconds : how long a server whose model cannot be loaded still says so in /ping before it exits.
    """

    model_folder: Path
    host: str = "0.0.0.0"  # noqa: S104 a container listens on all interfaces
    port: int = 8080
    max_body_bytes: int = REALTIME_BODY_BYTES
    max_batch_rows: int = 512
    max_queue_rows: int = 8192
    deadline_seconds: float = 50.0
    workers: int = 0
    drain_seconds: float = 0.5
    failure_seconds: float = 2.0
    access_log: bool = False
    traces: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """SageMaker's own variables and HOUSING_*; SettingsError names the variable that cannot be read."""
        base = Path(environment.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
        batch = environment.get("SAGEMAKER_BATCH", "").lower() == "true"
        megabytes = _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", BATCH_BODY_MEGABYTES) or BATCH_BODY_MEGABYTES
        body_bytes = int(megabytes * 1024 * 1024) if batch else REALTIME_BODY_BYTES
        workers = int(_number(environment, "HOUSING_WORKERS", cls.workers))
        if workers > MAX_WORKERS:
            raise SettingsError(f"HOUSING_WORKERS: {workers}; at most {MAX_WORKERS}, 0 for one per GPU or core")
        return cls(
            model_folder=Path(environment.get("SM_MODEL_DIR") or base / "model"),
            host=environment.get("HOUSING_SERVE_HOST") or cls.host,
            port=int(_number(environment, "SAGEMAKER_BIND_TO_PORT", cls.port)),
            max_body_bytes=int(_number(environment, "HOUSING_MAX_BODY_BYTES", body_bytes)),
            max_batch_rows=int(_number(environment, "HOUSING_MAX_BATCH_ROWS", cls.max_batch_rows)),
            max_queue_rows=int(_number(environment, "HOUSING_MAX_QUEUE_ROWS", cls.max_queue_rows)),
            deadline_seconds=_number(environment, "HOUSING_DEADLINE_SECONDS", 600.0 if batch else cls.deadline_seconds),
            workers=workers,
            drain_seconds=_number(environment, "HOUSING_DRAIN_SECONDS", cls.drain_seconds),
            failure_seconds=_number(environment, "HOUSING_FAILURE_SECONDS", cls.failure_seconds),
            access_log=environment.get("HOUSING_ACCESS_LOG", "").lower() == "true",
            traces=environment.get("HOUSING_TRACES", "").lower() == "true",
        )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {text!r} is not a number; unset it for the default {default:g}") from error
    if not 0 <= value < float("inf"):
        raise SettingsError(f"{name}: {text!r} is negative or without end; unset it for the default {default:g}")
    return value
