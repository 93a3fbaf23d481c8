"""Follows a run to its end, from machine to machine: an execution that found no capacity is started again on the next choice."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipelines import capacity
from pipelines.follow import follow
from pipelines.launch import relaunch
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot

Show = Callable[[Iterable[Snapshot]], Snapshot]
"""Shows snapshots as they come and returns the last one."""


def see_through(execution_arn: str, settings: Settings, say: Callable[[str], None], show: Show) -> Snapshot:
    """Follow the execution, and those that take its place where machines were lacking; the end of the last one.

    `say` is told each choice, with its price and why it was made.
    """
    final = show(follow(execution_arn, settings))
    while final.status != "Succeeded" and (reason := capacity.shortage(final, settings)):
        used = capacity.used_by(final, settings)
        chosen = None if used is None else capacity.after(used, settings)
        if chosen is None:
            say(f"{reason}; no other machine is listed")
            return final
        say(f"{reason}; now {chosen.described(settings)}")
        execution_arn = relaunch(execution_arn, chosen, settings)
        say(f"execution {execution_arn.rpartition('/')[2]}: started; finished steps are reused, others go on from their checkpoints")
        final = show(follow(execution_arn, settings))
    return final
