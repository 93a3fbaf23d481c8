"""boto3 clients for the emulator's own use of the services that it answers itself: metrics, topics, queues."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

from emulator.context import ACCESS_KEY, SECRET_KEY, Context

_TIMEOUT_SECONDS = 30


class Clients:
    """The clients of one emulator; `context.part(Clients)` is the one to use. Not from the event loop: a call would wait for itself."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made: dict[tuple[str, float], Any] = {}
        self._lock = threading.Lock()

    def get(self, service: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> Any:
        """The client of a service that waits so long for an answer, and never asks twice."""
        with self._lock:
            if (service, timeout_seconds) not in self._made:
                session: Any = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=self._context.region)
                config = Config(read_timeout=timeout_seconds, retries={"total_max_attempts": 1}, max_pool_connections=16)
                self._made[service, timeout_seconds] = session.client(service, endpoint_url=self._context.endpoint_url, config=config)
            return self._made[service, timeout_seconds]
