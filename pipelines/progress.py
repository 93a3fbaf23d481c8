"""Shows an execution: a live table on a terminal, one line per change in a log."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.snapshot import FINISHED, Snapshot, StepState

COLOURS = {"Succeeded": "green", "Failed": "red", "Stopped": "yellow", "Executing": "cyan"}


def show(snapshots: Iterable[Snapshot], console: Console) -> Snapshot:
    """Show each snapshot as it comes and return the last one."""
    return _show_live(snapshots, console) if console.is_terminal else _show_lines(snapshots, console)


def table(current: Snapshot) -> Table:
    """The steps as a table: name, status, seconds, and what there is to say."""
    grid = Table(title=f"execution {current.execution_arn.rpartition('/')[2]}: {current.status}", title_justify="left", box=None)
    for heading in ("step", "status", "seconds", ""):
        grid.add_column(heading, justify="right" if heading == "seconds" else "left", overflow="fold")
    for step in current.steps:
        grid.add_row(step.name, Text(step.status, COLOURS.get(step.status, "")), f"{step.seconds:.1f}", note(step))
    return grid


def note(step: StepState) -> str:
    """What a reader wants to know of a step beside its status."""
    if step.reason:
        return step.reason
    return "from the cache" if step.cached else ""


def line(step: StepState) -> str:
    """The change of one step as a line of a log."""
    if step.status not in FINISHED:
        return f"{step.name}: {step.status}"
    took = "from the cache" if step.cached else f"{step.seconds:.1f} s"
    return f"{step.name}: {step.status} ({took})" + (f": {step.reason}" if step.reason else "")


def _show_live(snapshots: Iterable[Snapshot], console: Console) -> Snapshot:
    last: Snapshot | None = None
    with Live(console=console, refresh_per_second=4) as live:
        for last in snapshots:
            live.update(table(last))
    return _required(last)


def _show_lines(snapshots: Iterable[Snapshot], console: Console) -> Snapshot:
    last: Snapshot | None = None
    said: dict[str, str] = {}
    for last in snapshots:
        for step in last.steps:
            if said.get(step.name) != step.status:
                said[step.name] = step.status
                console.print(line(step), markup=False, highlight=False, soft_wrap=True)
    return _required(last)


def _required(last: Snapshot | None) -> Snapshot:
    if last is None:
        raise ValueError("snapshots: at least one is needed")
    return last
