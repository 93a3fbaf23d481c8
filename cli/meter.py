"""Progress of a long computation: a bar on a terminal, a line per tenth in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int, str], None]


@contextmanager
def meter(title: str) -> Iterator[Report]:
    """Yields a function of (done, total, what is at work)."""
    if sys.stderr.isatty():
        with _bar(title) as report:
            yield report
    else:
        yield _lines(title)


@contextmanager
def _bar(title: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total, what: progress.update(task, completed=done, total=total, description=f"{title} {what}")


def _lines(title: str) -> Report:
    started = time.monotonic()
    said = 0

    def report(done: int, total: int, what: str) -> None:
        nonlocal said
        tenth = done * 10 // total
        if tenth > said:
            said = tenth
            print(f"{title}: {done}/{total} ({what}), {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)

    return report
