"""One run of one step: what its kind's function is given, and how it may end."""

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.definition.document import Step
from emulator.definition.records import update_step
from emulator.definition.scope import ExecutionScope
from emulator.errors import ApiError

if TYPE_CHECKING:
    from emulator.context import Context

_LETTERS, _ROOMY = string.ascii_letters + string.digits, 60


class StepFailedError(Exception):
    """The step failed: its FailureReason, and the exception type that retry policies know it by."""

    def __init__(self, reason: str, exception: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.exception = reason, exception


class StepStoppedError(Exception):
    """The step was told to stop, and did."""


@dataclass
class StepRun:
    """One attempt to run a step of an execution."""

    context: "Context"
    execution: str
    step: Step
    scope: ExecutionScope
    stopping: threading.Event = field(default_factory=threading.Event)
    _stop: Callable[[], object] | None = None

    def show(self, metadata: Mapping[str, Any]) -> None:
        """Make metadata visible in ListPipelineExecutionSteps at once."""
        update_step(self.context, self.execution, self.step.name, {"Metadata": metadata})

    def job_name(self, limit: int = 63) -> str:
        """A new name for the step's resource, in the form that the service uses, of at most `limit` characters."""
        identity, end = self.execution.rpartition("/")[2], "".join(secrets.choice(_LETTERS) for _ in range(10))
        if limit < _ROOMY:
            return f"{identity}-{end}"[:limit]
        head = f"pipelines-{identity}-"
        name = "".join(letter if letter.isalnum() else "-" for letter in self.step.name)
        return f"{head}{name[: limit - len(head) - len(end) - 1].strip('-')}-{end}"

    def when_stopped(self, stop: Callable[[], object]) -> None:
        """Call `stop` when the step is told to stop, at once when it already was."""
        self._stop = stop
        if self.stopping.is_set():
            self._run_stop()

    def stop(self) -> None:
        """Tell the step to stop."""
        self.stopping.set()
        self._run_stop()

    def _run_stop(self) -> None:
        if self._stop is not None:
            try:
                self._stop()
            except ApiError:
                return  # it has ended meanwhile
