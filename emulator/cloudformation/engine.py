"""The stacks' operations in the background: create, update, delete, and the restoration of what the last process forgot."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from emulator.cloudformation.blueprint import Blueprint
from emulator.cloudformation.changes import differing, kind_held
from emulator.cloudformation.deployment import FAILURES, Deployment, FailedError, ordered, remove
from emulator.cloudformation.stack import KIND, Held, Stack
from emulator.context import Context

_LOG = logging.getLogger(__name__)


class Engine:
    """Carries out stack operations; `context.part(Engine)` is the one to use. One thread for each operation; a stack has one at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(self, stack_id: str, operation: Callable[[Stack], None]) -> None:
        """Run an operation of a stack in a thread of its own."""
        threading.Thread(target=self._guarded, args=(stack_id, operation), name=f"stack-{stack_id[-8:]}", daemon=True).start()

    def _guarded(self, stack_id: str, operation: Callable[[Stack], None]) -> None:
        try:
            operation(Stack(self._context, stack_id))
        except Exception as error:
            if self._context.closing.is_set():
                return
            _LOG.exception("stack %s", stack_id)
            status = str(Stack(self._context, stack_id).record["StackStatus"]).split("_IN_PROGRESS")[0]
            Stack(self._context, stack_id).set(f"{status}_FAILED", f"the emulator failed: {error!r}; its log has the traceback")
            raise


def create(stack: Stack, blueprint: Blueprint, on_failure: str, imports: bool, **fields: Any) -> None:
    """Make a stack; at a failure roll back, delete it all, or leave it as it is (`on_failure`)."""
    deployment = Deployment(stack, blueprint, imports)
    try:
        deployment.run()
        outputs = blueprint.outputs(stack.scope(blueprint))
    except (FailedError, *FAILURES) as error:
        reason = f"The following resource(s) failed to create: [{error}]" if isinstance(error, FailedError) else str(error)
        if on_failure == "DO_NOTHING":
            stack.set("CREATE_FAILED", reason)
            return
        stack.set("ROLLBACK_IN_PROGRESS" if on_failure == "ROLLBACK" else "DELETE_IN_PROGRESS", f"{reason}. Rollback requested by user.")
        left = deployment.undo()
        done = "ROLLBACK" if on_failure == "ROLLBACK" else "DELETE"
        stack.set(f"{done}_FAILED" if left else f"{done}_COMPLETE", f"could not be taken away: {', '.join(left)}" if left else "")
        return
    stack.set(Outputs=outputs, Applied=_applied(blueprint), **fields)
    stack.set("CREATE_COMPLETE")


def update(stack: Stack, blueprint: Blueprint, imports: bool, **fields: Any) -> None:
    """Change a stack; at a failure go back to how it was."""
    deployment = Deployment(stack, blueprint, imports)
    try:
        deployment.run()
        outputs = blueprint.outputs(stack.scope(blueprint))
    except (FailedError, *FAILURES) as error:
        reason = f"The following resource(s) failed to update: [{error}]" if isinstance(error, FailedError) else str(error)
        stack.set("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        left = deployment.undo()
        failed = f"could not be changed back: {', '.join(left)}"
        stack.set("UPDATE_ROLLBACK_FAILED" if left else "UPDATE_ROLLBACK_COMPLETE", failed if left else "")
        return
    stack.set(Outputs=outputs, Applied=_applied(blueprint), **fields)
    stack.set("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    deployment.tidy()
    stack.set("UPDATE_COMPLETE")


def delete(stack: Stack, retained: list[str]) -> None:
    """Take everything away, last made first."""
    left = [name for name in reversed(ordered(stack.held)) if not remove(stack, name, retain=name in retained)]
    if left:
        stack.set("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ")
    else:
        stack.set(Outputs=[])
        stack.set("DELETE_COMPLETE")


def _applied(blueprint: Blueprint) -> dict[str, Any]:
    """What a later process needs to know what the stack asked for."""
    return {"Document": blueprint.document, "Values": dict(blueprint.values)}


def blueprint_of(stack: Stack) -> Blueprint | None:
    """What a stack asked for when it last succeeded."""
    applied = stack.record.get("Applied")
    return None if applied is None else Blueprint(applied["Document"], applied["Values"], stack.identity)


class Restoration:
    """Makes again what only the last process had; `context.part(Restoration)` is the one to use.

    What moto keeps (roles, keys, queues, topics, alarms, APIs) ends with the process; functions, rules and buckets don't.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._done = threading.Event()

    def start(self) -> None:
        """Begin, once the emulator answers."""
        threading.Thread(target=self._run, name="restoration", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Whether every stack has its resources again by then."""
        return self._done.wait(seconds)

    def _run(self) -> None:
        try:
            for record in self._context.store.list(KIND):
                self._restore(Stack(self._context, record["StackId"]))
        finally:
            self._done.set()

    def _restore(self, stack: Stack) -> None:
        status = str(stack.record["StackStatus"])
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            stack.set(
                f"{status.split('_IN_PROGRESS', maxsplit=1)[0].removesuffix('_COMPLETE_CLEANUP')}_FAILED", "the emulator ended meanwhile"
            )
        blueprint = blueprint_of(stack)
        for logical in ordered(stack.held):
            try:
                _again(stack, logical, blueprint)
            except FAILURES as error:
                if self._context.closing.is_set():
                    return
                held = stack.held[logical]
                _LOG.warning("stack %s: %s (%s) was not made again: %s", stack.name, logical, held.type, error)
        if blueprint is not None:
            stack.set(Outputs=blueprint.outputs(stack.scope(blueprint)))


def _again(stack: Stack, logical: str, blueprint: Blueprint | None) -> None:
    held = stack.held[logical]
    kind, wanted = kind_held(held), held.properties
    if blueprint is not None and logical in blueprint.document["Resources"]:
        wanted = stack.scope(blueprint).resolve(blueprint.document["Resources"][logical].get("Properties", {}))
    work = stack.work(logical)
    if not kind.remembered:
        made = kind.as_before(work, kind.find(work, wanted) or kind.create(work, wanted), held.made)
    elif differing(held.properties, wanted):
        made = kind.update(work, held.made, held.properties, wanted)
    else:
        return
    stack.hold(logical, Held(**{**held.__dict__, "made": made, "properties": dict(wanted)}))
