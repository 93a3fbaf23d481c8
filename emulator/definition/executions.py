"""The running executions of one emulator."""

import threading
from typing import TYPE_CHECKING

from emulator.definition.executor import Execution

if TYPE_CHECKING:
    from emulator.context import Context


class Executions:
    """Starts and stops executions; `context.part(Executions)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        del context
        self._running: dict[str, Execution] = {}
        self._lock = threading.Lock()

    def start(self, execution: Execution) -> None:
        """Begin an execution."""
        with self._lock:
            self._running = {arn: item for arn, item in self._running.items() if not item.done.is_set()}
            self._running[execution.arn] = execution
        execution.start()

    def stop(self, arn: str) -> None:
        """Stop an execution when it runs."""
        with self._lock:
            execution = self._running.get(arn)
        if execution is not None:
            execution.stop()

    def wait(self, arn: str, timeout_seconds: float | None = None) -> bool:
        """Wait for an execution's end; True when it doesn't run (any more)."""
        with self._lock:
            execution = self._running.get(arn)
        return execution is None or execution.done.wait(timeout_seconds)

    def close(self) -> None:
        """Start no more steps."""
        with self._lock:
            running = list(self._running.values())
        for execution in running:
            execution.stop()
