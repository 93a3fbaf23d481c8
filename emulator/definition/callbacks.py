"""Callback steps that wait for an answer, by their tokens."""

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.context import Context


@dataclass
class Waiting:
    """One step that waits; `answered` is set when its answer has come."""

    execution: str
    token: str = field(default_factory=lambda: secrets.token_hex(5))
    outputs: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    answered: threading.Event = field(default_factory=threading.Event)


class Callbacks:
    """The waiting steps of one emulator; `context.part(Callbacks)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        del context
        self._waiting: dict[str, Waiting] = {}
        self._lock = threading.Lock()

    def wait_for(self, execution: str) -> Waiting:
        """A new token to wait for."""
        waiting = Waiting(execution)
        with self._lock:
            self._waiting[waiting.token] = waiting
        return waiting

    def forget(self, waiting: Waiting) -> None:
        """Stop waiting for an answer."""
        with self._lock:
            self._waiting.pop(waiting.token, None)

    def answer(self, token: str, outputs: dict[str, Any], reason: str | None) -> str | None:
        """Hand an answer to the step that waits for it; returns the execution's ARN, or None when nobody waits."""
        with self._lock:
            waiting = self._waiting.pop(token, None)
        if waiting is None:
            return None
        waiting.outputs, waiting.reason = outputs, reason
        waiting.answered.set()
        return waiting.execution
