"""Shows an execution: a live table on a terminal, one line per change in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.details import Detail
from pipelines.snapshot import FINISHED, Snapshot, StepState

COLOURS = {"Succeeded": "green", "Failed": "red", "Stopped": "yellow", "Executing": "cyan"}
_NUMBERS = ("seconds", "interrupted", "billable", "USD")

LookUp = Callable[[Snapshot], Mapping[str, Detail]]
"""Step -> what its job does."""


def show(snapshots: Iterable[Snapshot], console: Console, look_up: LookUp = lambda _: {}) -> Snapshot:
    """Show each snapshot as it comes and return the last one."""
    return _show_live(snapshots, console, look_up) if console.is_terminal else _show_lines(snapshots, console, look_up)


def table(current: Snapshot, details: Mapping[str, Detail]) -> Table:
    """The steps as a table: status, machine, time, money so far, and the failure, else the newest line of the log."""
    total = sum(detail.usd or 0.0 for detail in details.values())
    name = current.execution_arn.rpartition("/")[2]
    grid = Table(title=f"execution {name}: {current.status}, ${total:.4f} so far", title_justify="left", box=None)
    for heading in ("step", "status", "seconds", "machine", "interrupted", "billable", "USD", ""):
        grid.add_column(heading, justify="right" if heading in _NUMBERS else "left", overflow="fold")
    for step in current.steps:
        detail = details.get(step.name)
        job = ("", "", "", "") if detail is None else _job(detail)
        grid.add_row(step.name, Text(step.status, COLOURS.get(step.status, "")), f"{step.seconds:.1f}", *job, Text(note(step, detail)))
    return grid


def _job(detail: Detail) -> tuple[str, str, str, str]:
    money = "?" if detail.usd is None else f"{detail.usd:.4f}"
    return detail.market, str(detail.interruptions or ""), f"{detail.billable_seconds:.0f}", money


def note(step: StepState, detail: Detail | None = None) -> str:
    """What a reader wants to know of a step beside its status."""
    if step.reason:
        return step.reason
    return "from the cache" if step.cached else detail.line if detail else ""


def line(step: StepState, detail: Detail | None = None) -> str:
    """The change of one step as a line of a log."""
    if step.status not in FINISHED:
        return f"{step.name}: {step.status}"
    took = "from the cache" if step.cached else f"{step.seconds:.1f} s"
    if detail is not None:
        took += f", {detail.market}, {detail.billable_seconds:.0f} s billable" + ("" if detail.usd is None else f", ${detail.usd:.4f}")
        took += f", {detail.interruptions} interruptions" if detail.interruptions else ""
    return f"{step.name}: {step.status} ({took})" + (f": {step.reason}" if step.reason else "")


def _show_live(snapshots: Iterable[Snapshot], console: Console, look_up: LookUp) -> Snapshot:
    last: Snapshot | None = None
    with Live(console=console, refresh_per_second=4) as live:
        for last in snapshots:
            live.update(table(last, look_up(last)))
    return _required(last)


def _show_lines(snapshots: Iterable[Snapshot], console: Console, look_up: LookUp) -> Snapshot:
    last: Snapshot | None = None
    said: dict[str, str] = {}
    interrupted: dict[str, int] = {}
    for last in snapshots:
        details = look_up(last)
        for step in last.steps:
            detail = details.get(step.name)
            if detail and detail.interruptions > interrupted.get(step.name, 0) and step.status not in FINISHED:
                interrupted[step.name] = detail.interruptions
                _print(
                    console, f"{step.name}: its Spot instance was taken away (interruption {detail.interruptions}); it goes on elsewhere"
                )
            if said.get(step.name) != step.status:
                said[step.name] = step.status
                _print(console, line(step, detail))
    return _required(last)


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _required(last: Snapshot | None) -> Snapshot:
    if last is None:
        raise ValueError("snapshots: at least one is needed")
    return last
