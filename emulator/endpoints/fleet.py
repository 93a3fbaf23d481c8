"""The endpoints that run now: their routes, and the threads that change them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from emulator.context import Context
from emulator.endpoints.routes import Routes
from emulator.endpoints.variant import LiveVariant
from emulator.errors import ApiError, EmulatorError
from emulator.processes import Processes

KIND = "endpoint"
_LOG = logging.getLogger(__name__)


class Fleet:
    """The live side of every endpoint; `context.part(Fleet)` is the one to use."""

    def __init__(self, context: Context) -> None:
        context.part(Processes)  # made first, so that it is closed last
        self._context = context
        self._routes: dict[str, Routes] = {}
        self.closing = threading.Event()

    def routes(self, endpoint: str) -> Routes | None:
        """Where invocations of an endpoint go; None when it takes none."""
        return self._routes.get(endpoint)

    def endpoints(self) -> list[str]:
        """The endpoints that take invocations."""
        return list(self._routes)

    def set_routes(self, endpoint: str, routes: Routes) -> None:
        """Send the invocations that come from now on along these routes."""
        self._routes[endpoint] = routes

    def running(self, endpoint: str) -> list[LiveVariant]:
        """The variants of an endpoint that have a process."""
        routes = self._routes.get(endpoint)
        return routes.running if routes is not None else []

    def launch(self, endpoint: str, specs: Iterable[Mapping[str, Any]], share: float = 1.0) -> list[LiveVariant]:
        """Start the instances of variants, or a share of them, all at once, and wait until all are ready.

        Raises
        ------
        VariantError, ApiError
            When one does not come up, or its model is gone; then none is left.
        """
        variants = [LiveVariant(self._context, endpoint, spec) for spec in specs]
        with ThreadPoolExecutor(max(1, len(variants)), "launch") as threads:
            starts = [threads.submit(variant.scale, variant.wanted_at(share)) for variant in variants]
        failures = [error for start in starts if (error := start.exception()) is not None]
        if failures:
            self.retire(variants)
            raise failures[0]
        return variants

    def retire(self, variants: Iterable[LiveVariant], drain_seconds: float = 0) -> None:
        """Stop variants that get no more invocations, after those under way."""
        for variant in variants:
            variant.retire(drain_seconds)

    def remove(self, endpoint: str) -> None:
        """Take no more invocations for an endpoint; its processes end, and then its record, in a thread."""
        routes = self._routes.pop(endpoint, None)

        def run() -> None:
            self.retire(routes.running if routes is not None else [])
            if not self.closing.is_set():
                self._context.store.delete(KIND, endpoint)

        threading.Thread(target=run, name=f"endpoint-{endpoint}", daemon=True).start()

    def change(self, endpoint: str, work: Callable[[], dict[str, Any]], on_failure: str) -> None:
        """Run a transition in a thread; it returns the fields that the endpoint's record gets with its new status.

        When it fails the endpoint gets the status `on_failure` and the reason.
        """

        def run() -> None:
            try:
                fields = {"EndpointStatus": "InService", "FailureReason": None, **work()}
            except (EmulatorError, ApiError) as error:
                fields = {"EndpointStatus": on_failure, "FailureReason": str(error)}
            except Exception as error:  # noqa: BLE001 an endpoint must not stay in a passing status because of a bug here
                _LOG.exception("endpoint %s", endpoint)
                fields = {"EndpointStatus": on_failure, "FailureReason": f"InternalFailure: {error}"}
            if not self.closing.is_set():
                self._context.store.update(KIND, endpoint, {"PendingDeploymentSummary": None, **fields, "LastModifiedTime": time.time()})

        threading.Thread(target=run, name=f"endpoint-{endpoint}", daemon=True).start()

    def close(self) -> None:
        """Stop every process; the records stay, so that the next start brings the endpoints back."""
        self.closing.set()
        variants = [variant for routes in self._routes.values() for variant in routes.running]
        self._routes = {}
        with ThreadPoolExecutor(max(1, len(variants)), "retire") as threads:
            for variant in variants:
                threads.submit(variant.retire)
