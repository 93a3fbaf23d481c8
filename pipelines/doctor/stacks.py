"""Stacks that are not whole."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines import stacks
from pipelines.doctor.finding import Finding
from pipelines.settings import Settings
from pipelines.templates import STACKS

SOUND = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


def broken(settings: Settings) -> Iterator[Finding]:
    """Stacks whose last change failed; one that changes now, or was never made, is no finding."""
    for name in STACKS.values():
        there = stacks.describe(name, settings)
        if there is None or there["StackStatus"] in SOUND or there["StackStatus"].endswith("_IN_PROGRESS"):
            continue
        reason = " ".join(there.get("StackStatusReason", "").split())
        what = f"is {there['StackStatus']}{f': {reason}' if reason else ''}"
        yield Finding("broken stacks", f"stack {name}", what, "`housing bootstrap` says what failed, and tries again")
