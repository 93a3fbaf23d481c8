"""What a template asks for with these values: which resources, in which order, with which properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from emulator.cloudformation import parameters
from emulator.cloudformation.intrinsics import Scope, TemplateError, references
from emulator.cloudformation.kinds import Resource, kind_of
from emulator.cloudformation.template import Document
from emulator.context import Context

Lookup = Callable[[str], Any]


@dataclass(frozen=True)
class Identity:
    """Who the stack is, for its pseudo parameters."""

    context: Context
    stack_id: str
    stack_name: str

    def pseudo(self) -> dict[str, Any]:
        return {
            "AWS::AccountId": self.context.account,
            "AWS::Region": self.context.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::NotificationARNs": [],
        }


@dataclass(frozen=True)
class Blueprint:
    """An expanded template with the values of its parameters."""

    document: Document
    values: Mapping[str, str]
    identity: Identity

    def scope(self, reference: Lookup, attribute: Callable[[str, str], Any], export: Lookup = lambda _: None) -> Scope:
        """The functions' world, with these resources."""
        return Scope(
            parameters=parameters.typed(self.document, self.values) | self.identity.pseudo(),
            mappings=self.document.get("Mappings", {}),
            conditions=self.document.get("Conditions", {}),
            reference=reference,
            attribute=attribute,
            export=export,
        )

    def check(self) -> None:
        """Refuse what can be known to fail before anything is made.

        Raises
        ------
        TemplateError
            An unknown type, name or function, a cycle, a broken rule of the template.
        """
        scope = self._bare
        for name, rule in self.document.get("Rules", {}).items():
            if "RuleCondition" not in rule or scope.resolve(rule["RuleCondition"]):
                for assertion in rule.get("Assertions", []):
                    if not scope.resolve(assertion["Assert"]):
                        raise TemplateError(f"Template error: rule {name}: {assertion.get('AssertDescription', 'an assertion failed')}")
        names = self.order()
        known = {*names, *scope.parameters}
        for name in names:
            kind_of(self.document["Resources"][name]["Type"])
            absent = sorted(references(self.body(name)) - known - {"AWS::NoValue"})
            if absent:
                listed = ", ".join(absent)
                message = f"Unresolved resource dependencies [{listed}] in the Resources block of the template"
                raise TemplateError(f"Template format error: {message}")

    @cached_property
    def _bare(self) -> Scope:
        """The functions' world without any resource: enough for conditions."""
        return self.scope(lambda _: None, lambda _name, _attribute: None)

    def order(self) -> list[str]:
        """The resources whose condition is met, each after those that it needs.

        Raises
        ------
        TemplateError
            When they need each other.
        """
        return self._order

    @cached_property
    def _order(self) -> list[str]:
        resources = self.document["Resources"]
        wanted = [name for name, one in resources.items() if "Condition" not in one or self._bare.holds(one["Condition"])]
        needs = {name: self.needs(name) & {*wanted} for name in wanted}
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(error.args[1][:-1])}]") from None

    def needs(self, name: str) -> set[str]:
        """The resources that one needs: those that it refers to, in its UpdatePolicy too, and its DependsOn."""
        after, policy = (self.document["Resources"][name].get(key, default) for key, default in (("DependsOn", []), ("UpdatePolicy", {})))
        return references(self.body(name)) | references(policy) | ({after} if isinstance(after, str) else {*after})

    def body(self, name: str) -> Any:
        """The properties of a resource as written, without the branches that no condition chooses."""
        return _pruned(self.document["Resources"][name].get("Properties", {}), self._bare)

    def outputs(self, scope: Scope) -> list[dict[str, Any]]:
        """The outputs whose condition is met."""
        found = []
        for name, output in self.document.get("Outputs", {}).items():
            if "Condition" in output and not scope.holds(output["Condition"]):
                continue
            value = scope.resolve(output["Value"])
            one = {"OutputKey": name, "OutputValue": str(value), "Description": output.get("Description")}
            if "Export" in output:
                one["ExportName"] = str(scope.resolve(output["Export"]["Name"]))
            found.append({key: item for key, item in one.items() if item is not None})
        return found

    def kind(self, name: str) -> Resource:
        """Who makes a resource."""
        return kind_of(self.document["Resources"][name]["Type"])

    def policy(self, name: str, of: str) -> str:
        """DeletionPolicy or UpdateReplacePolicy of a resource."""
        return str(self.document["Resources"][name].get(of, "Delete"))


def _pruned(value: Any, scope: Scope) -> Any:
    if isinstance(value, list):
        return [_pruned(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        chosen: Sequence[Any] = value["Fn::If"]
        return _pruned(chosen[1] if scope.holds(chosen[0]) else chosen[2], scope)
    return {key: _pruned(item, scope) for key, item in value.items()}
