"""The watch over the fits of a job: what a member keeps goes to the checkpoints, what it tells to the log."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from housing.members.watch import Saved, State
from training import interrupt
from training.checkpoint import Checkpoints
from training.log import say
from training.metrics_log import EPOCH_SECONDS, TRAIN_LOSS, metric_line


class FitWatch:
    """Looks after one fit: that of member `name` on the panel up to `column`."""

    def __init__(self, checkpoints: Checkpoints, name: str, column: int, label: str = "") -> None:
        self._checkpoints, self._name, self._column = checkpoints, name, column
        self._unit = f"part/{name}{label}"
        self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """The checkpoint interval."""
        return self._checkpoints.interval_seconds

    @property
    def ending(self) -> bool:
        """Whether the process has been told to end."""
        return interrupt.ending()

    def restore(self) -> Saved | None:
        """The newest state of this fit."""
        found = self._checkpoints.latest(self._unit)
        if found is None or found.facts.get("column") != self._column:
            self._checkpoints.remove(self._unit)  # of another fit, whose steps would outrank those of this one
            return None
        say(f"resumed: {self._name} is fitted to step {found.facts['done']}")
        return Saved(int(str(found.facts["done"])), found.arrays)

    def wants(self) -> bool:
        """Whether a state should be kept now."""
        return interrupt.ending() or self._checkpoints.due()

    def keep(self, done: int, state: State) -> None:
        """Hold a state until it is due. Raises Interrupted when the process has been told to end, with the state on disk."""
        if state:
            facts = {"column": self._column, "done": done}
            self._checkpoints.offer(self._unit, done, lambda: (state, facts))
        if interrupt.ending():
            raise interrupt.Interrupted

    def whole_steps(self) -> AbstractContextManager[None]:
        """While held, an order to end waits for `keep`."""
        return interrupt.deferring()

    def tell(self, done: int, total: int, loss: float) -> None:
        """A metric line: the loss on the training rows, and the seconds since the last one."""
        now = time.monotonic()
        metrics = f"{metric_line(TRAIN_LOSS, loss)} {metric_line(EPOCH_SECONDS, now - self._told)}"
        self._told = now
        say(f"{self._name} step {done}/{total} {metrics}")

    def finish(self) -> None:
        """The fit is done, and offered as a whole: a state of it is no longer worth a write."""
        self._checkpoints.withdraw(self._unit)
