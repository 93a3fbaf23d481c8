"""Peers: the processes that fit one model together, each on its part of the rows. Who they are is set from outside; alone by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Peers:
    """This is process `rank` of `count`."""

    rank: int = 0
    count: int = 1

    @property
    def rows(self) -> slice:
        """This process's part of anything that is a list of rows."""
        return slice(self.rank, None, self.count)


_current: ContextVar[Peers] = ContextVar("peers", default=Peers())  # noqa: B039 it never changes


def current() -> Peers:
    """The peers of the fit that runs."""
    return _current.get()


@contextmanager
def among(peers: Peers) -> Iterator[None]:
    """Share the fits inside with `peers`, whose engine (XGBoost's collective, torch.distributed) has been joined."""
    token = _current.set(peers)
    try:
        yield
    finally:
        _current.reset(token)
