"""Carries a template out on a stack: makes, changes and takes away in order, and goes back when something fails."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.cloudformation.blueprint import Blueprint
from emulator.cloudformation.changes import check, differing, importable, kind_held
from emulator.cloudformation.intrinsics import TemplateError
from emulator.cloudformation.kinds import Made, ResourceError
from emulator.cloudformation.stack import Held, Stack
from emulator.errors import ApiError, EmulatorError

FAILURES = (ResourceError, TemplateError, ApiError, ClientError, BotoCoreError, EmulatorError)
_LOG = logging.getLogger(__name__)


class FailedError(Exception):
    """A resource failed: its name and the reason, one line."""


@dataclass(frozen=True)
class _Undo:
    """How a resource was before it was touched: None when it wasn't there."""

    logical: str
    before: Held | None
    replaced: bool = False


@dataclass
class Deployment:
    """One create or update of a stack."""

    stack: Stack
    blueprint: Blueprint
    imports: bool = False
    _undos: list[_Undo] = field(default_factory=list)
    _leftovers: list[tuple[str, Held]] = field(default_factory=list)

    def run(self) -> None:
        """Make and change every resource that the template asks for.

        Raises
        ------
        FailedError
            At the first that can't be.
        """
        for logical in self.blueprint.order():
            self._one(logical)

    def _one(self, logical: str) -> None:
        held = self.stack.held.get(logical)
        body = self.blueprint.document["Resources"][logical]
        kind = self.blueprint.kind(logical)
        verb = "CREATE" if held is None or held.type != kind.type else "UPDATE"
        try:
            wanted = self.stack.scope(self.blueprint).resolve(body.get("Properties", {}))
            check(kind, wanted)
            if held is None:
                self._create(logical, wanted, None)
            elif held.type != kind.type or kind.fixed & {*differing(held.properties, wanted)}:
                self._create(logical, wanted, held)
            elif differing(held.properties, wanted):
                self._update(logical, wanted, held)
            else:
                self.stack.hold(logical, self._holding(logical, wanted, held.made, held.imported))
        except FAILURES as error:
            reason = _said(error)
            physical = held.made.physical_id if held is not None else ""
            self.stack.tell(logical, kind.type, physical, f"{verb}_FAILED", reason)
            raise FailedError(f"{logical}: {reason}") from None

    def _create(self, logical: str, wanted: Mapping[str, Any], replaced: Held | None) -> None:
        kind = self.blueprint.kind(logical)
        verb = "CREATE" if replaced is None else "UPDATE"
        there = importable(self.stack, self.blueprint, logical, wanted) if self.imports and replaced is None else None
        work = self.stack.work(logical)
        if there is not None:
            self.stack.tell(logical, kind.type, there.physical_id, "IMPORT_IN_PROGRESS")
            made = kind.update(work, there, {}, wanted)
            verb = "IMPORT"
        else:
            reason = "" if replaced is None else "Requested update requires the creation of a new physical resource; hence creating one."
            self.stack.tell(logical, kind.type, "", f"{verb}_IN_PROGRESS", reason)
            made = kind.create(work, wanted)
        self._undos.append(_Undo(logical, replaced, replaced is not None))
        if replaced is not None:
            self._leftovers.append((logical, replaced))
        self.stack.hold(logical, self._holding(logical, wanted, made, there is not None))
        self.stack.tell(logical, kind.type, made.physical_id, f"{verb}_COMPLETE")

    def _update(self, logical: str, wanted: Mapping[str, Any], held: Held) -> None:
        kind = self.blueprint.kind(logical)
        self._undos.append(_Undo(logical, held))
        self.stack.tell(logical, kind.type, held.made.physical_id, "UPDATE_IN_PROGRESS")
        policy = self.stack.scope(self.blueprint).resolve(self.blueprint.document["Resources"][logical].get("UpdatePolicy", {}))
        made = kind.update(self.stack.work(logical, policy), held.made, held.properties, wanted)
        self.stack.hold(logical, self._holding(logical, wanted, made, held.imported))
        self.stack.tell(logical, kind.type, made.physical_id, "UPDATE_COMPLETE")

    def _holding(self, logical: str, wanted: Mapping[str, Any], made: Made, imported: bool) -> Held:
        return Held(
            type=self.blueprint.kind(logical).type,
            properties=dict(wanted),
            made=made,
            deletion_policy=self.blueprint.policy(logical, "DeletionPolicy"),
            needs=tuple(sorted(self.blueprint.needs(logical) & {*self.blueprint.document["Resources"]})),
            imported=imported,
        )

    def tidy(self) -> None:
        """After success: take away what was replaced, and what the template no longer asks for. A failure stays behind, as at AWS."""
        wanted = {*self.blueprint.order()}
        for logical, old in reversed(self._leftovers):
            policy = self.blueprint.policy(logical, "UpdateReplacePolicy")
            if policy == "Delete":
                _take_away(self.stack, logical, old, forget=False)
        gone = [logical for logical in ordered(self.stack.held) if logical not in wanted]
        for logical in reversed(gone):
            remove(self.stack, logical)

    def undo(self) -> list[str]:
        """Back to how it was, last first. Returns the resources that couldn't be."""
        failed = []
        for one in reversed(self._undos):
            if one.before is None:
                if not remove(self.stack, one.logical, undoing=True):
                    failed.append(one.logical)
            elif not self._back(one, one.before):
                failed.append(one.logical)
        return failed

    def _back(self, one: _Undo, before: Held) -> bool:
        now = self.stack.held[one.logical]
        try:
            if one.replaced:
                kind_held(now).delete(self.stack.work(one.logical), now.made, now.properties)
                made = before.made
            else:
                self.stack.tell(one.logical, before.type, before.made.physical_id, "UPDATE_IN_PROGRESS")
                made = kind_held(before).update(self.stack.work(one.logical), now.made, now.properties, before.properties)
        except FAILURES as error:
            self.stack.tell(one.logical, before.type, before.made.physical_id, "UPDATE_FAILED", _said(error))
            return False
        self.stack.hold(one.logical, Held(**{**before.__dict__, "made": made}))
        self.stack.tell(one.logical, before.type, made.physical_id, "UPDATE_COMPLETE")
        return True


def ordered(held: Mapping[str, Held]) -> list[str]:
    """The resources of a stack, each after those that it needs."""
    return list(TopologicalSorter({name: {*one.needs} & {*held} for name, one in held.items()}).static_order())


def remove(stack: Stack, logical: str, undoing: bool = False, retain: bool = False) -> bool:
    """Take a resource away, or let it stay where its policy says so. False when it couldn't be."""
    held = stack.held[logical]
    stays = held.deletion_policy == "Retain" or (held.deletion_policy == "RetainExceptOnCreate" and not undoing)
    if stays or retain or (undoing and held.imported):
        stack.tell(logical, held.type, held.made.physical_id, "DELETE_SKIPPED")
        stack.let_go(logical)
        return True
    return _take_away(stack, logical, held)


def _take_away(stack: Stack, logical: str, held: Held, forget: bool = True) -> bool:
    stack.tell(logical, held.type, held.made.physical_id, "DELETE_IN_PROGRESS")
    try:
        kind_held(held).delete(stack.work(logical), held.made, held.properties)
    except FAILURES as error:
        stack.tell(logical, held.type, held.made.physical_id, "DELETE_FAILED", _said(error))
        return False
    if forget:
        stack.let_go(logical)
    stack.tell(logical, held.type, held.made.physical_id, "DELETE_COMPLETE")
    return True


def _said(error: Exception) -> str:
    return " ".join((error.message if isinstance(error, ApiError) else str(error)).split())
