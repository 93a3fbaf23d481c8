"""Watch: how a long fit is looked after from outside: it can go on where an earlier one was cut off, and it tells how far it is.

A member that trains step by step asks `current()` for its watch. Without one nothing is kept and nothing is said, at no cost; the answer of
a fit is the same with and without a watch, cut off or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

State = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Saved:
    """The state of a fit after `done` units of its work (rounds, steps)."""

    done: int
    state: State


class Watch(Protocol):
    """Looks after one fit."""

    @property
    def seconds(self) -> float:
        """How far apart states are to be kept; 0 when none is."""
        ...

    @property
    def ending(self) -> bool:
        """Whether the process has been told to end."""
        ...

    def restore(self) -> Saved | None:
        """The newest state of this very fit, None when it begins."""
        ...

    def wants(self) -> bool:
        """Whether a state should be kept now: enough time has passed, or the process has been told to end."""
        ...

    def keep(self, done: int, state: State) -> None:
        """A state, which must not change any more. When the process has been told to end, this is where it ends."""
        ...

    def whole_steps(self) -> AbstractContextManager[None]:
        """While held, an order to end waits for `keep`, or for the end of the block."""
        ...

    def tell(self, done: int, total: int, loss: float) -> None:
        """How far the fit is, and the loss on its training rows."""
        ...


class _Unwatched:
    seconds = 0.0
    ending = False

    def restore(self) -> Saved | None:
        return None

    def wants(self) -> bool:
        return False

    def keep(self, done: int, state: State) -> None:
        """Nothing is kept."""

    def whole_steps(self) -> AbstractContextManager[None]:
        return nullcontext()

    def tell(self, done: int, total: int, loss: float) -> None:
        """Nobody listens."""


_current: ContextVar[Watch] = ContextVar("watch", default=_Unwatched())  # noqa: B039 it has no state


def current() -> Watch:
    """The watch of the fit that runs."""
    return _current.get()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Put the fits inside under `watch`."""
    token = _current.set(watch)
    try:
        yield
    finally:
        _current.reset(token)


def as_bytes(content: bytes) -> npt.NDArray[np.uint8]:
    """A file's content as an array of a state."""
    return np.frombuffer(content, dtype=np.uint8)
