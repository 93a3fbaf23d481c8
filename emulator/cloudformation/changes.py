"""What a template would change of a stack: resources added, modified (and whether in place), removed, imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.cloudformation.blueprint import Blueprint
from emulator.cloudformation.intrinsics import Scope, Unknown
from emulator.cloudformation.kinds import Made, Resource, ResourceError, kind_of
from emulator.cloudformation.stack import Held, Stack, exported


@dataclass(frozen=True)
class Change:
    """One resource's change."""

    action: str
    logical_id: str
    type: str
    physical_id: str | None = None
    replacement: bool = False
    properties: tuple[str, ...] = ()
    policy: str | None = None

    def as_answer(self) -> dict[str, Any]:
        """The change as DescribeChangeSet shows it."""
        change: dict[str, Any] = {
            "Action": self.action,
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "ResourceType": self.type,
            "PolicyAction": self.policy,
            "Scope": ["Properties"] if self.properties else [],
            "Details": [{"Target": {"Attribute": "Properties", "Name": name}, "Evaluation": "Static"} for name in self.properties],
        }
        if self.action == "Modify":
            change["Replacement"] = "True" if self.replacement else "False"
        return {"Type": "Resource", "ResourceChange": {key: value for key, value in change.items() if value is not None}}


@dataclass
class _Forecast:
    """The stack as it would be: what stays is known, what is made anew is not."""

    stack: Stack
    anew: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    def reference(self, name: str) -> Any:
        held = self.stack.held.get(name)
        return Unknown(name) if name in self.anew or held is None else held.made.reference or held.made.physical_id

    def attribute(self, name: str, attribute: str) -> Any:
        held = self.stack.held.get(name)
        return Unknown(name) if name in self.anew or held is None else held.made.attributes.get(attribute)


def forecast(stack: Stack, blueprint: Blueprint, imports: bool) -> list[Change]:
    """What the template would change.

    Raises
    ------
    TemplateError
        When it can't be made out.
    """
    coming = _Forecast(stack)
    scope = blueprint.scope(coming.reference, coming.attribute, lambda name: exported(stack.context, name))
    found, order = [], blueprint.order()
    for name in order:
        change = _of(name, stack, blueprint, scope, imports)
        if change is None:
            continue
        found.append(change)
        if change.action != "Modify" or change.replacement:
            coming.anew.add(name)
    for name, held in stack.held.items():
        if name not in order:
            policy = held.deletion_policy if held.deletion_policy != "Delete" else "Delete"
            found.append(Change("Remove", name, held.type, held.made.physical_id, policy=policy))
    return found


def _of(name: str, stack: Stack, blueprint: Blueprint, scope: Scope, imports: bool) -> Change | None:
    kind, held = blueprint.kind(name), stack.held.get(name)
    wanted = scope.resolve(blueprint.document["Resources"][name].get("Properties", {}))
    if held is None or held.type != kind.type:
        there = importable(stack, blueprint, name, wanted) if imports and held is None else None
        if there is not None:
            return Change("Import", name, kind.type, there.physical_id)
        return Change("Add", name, kind.type)
    changed = differing(held.properties, wanted)
    if not changed:
        return None
    anew = bool(kind.fixed & {*changed})
    policy = "ReplaceAndDelete" if anew else None
    return Change("Modify", name, kind.type, held.made.physical_id, anew, tuple(changed), policy)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The properties that are not the same."""
    return sorted(key for key in {*old, *new} if key not in old or key not in new or old[key] != new[key])


def importable(stack: Stack, blueprint: Blueprint, name: str, wanted: Mapping[str, Any]) -> Made | None:
    """The resource that is there already under the name that the template writes as it is, and would stay if the stack went."""
    kind, written = blueprint.kind(name), blueprint.document["Resources"][name].get("Properties", {})
    plain = isinstance(written, dict) and isinstance(written.get(kind.name_property), str)
    if blueprint.policy(name, "DeletionPolicy") not in ("Retain", "RetainExceptOnCreate") or not plain:
        return None
    return kind.find(stack.work(name), wanted)


def check(kind: Resource, properties: Mapping[str, Any]) -> None:
    """Refuse properties that the kind doesn't understand.

    Raises
    ------
    ResourceError
        That names them.
    """
    if not isinstance(properties, dict):
        raise ResourceError("Properties must be an object")
    kind.check(properties)


def kind_held(held: Held) -> Resource:
    """Who makes a resource that is there."""
    return kind_of(held.type)
