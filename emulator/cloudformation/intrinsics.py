"""Intrinsic functions: a template's values with what is known of the stack."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_SUB = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = object()


class TemplateError(Exception):
    """A value can't be made out: an unknown name, a malformed function; one line in the service's words."""


@dataclass(frozen=True)
class Unknown:
    """A value that a change would make anew: it equals nothing."""

    of: str

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(self.of)

    def __str__(self) -> str:
        return f"(known after {self.of})"


@dataclass(frozen=True)
class Scope:
    """What functions may ask for.

    Parameters
    ----------
    parameters
        Values of parameters and pseudo parameters, by name.
    mappings, conditions
        The template's sections.
    reference, attribute
        `Ref` of a resource, and `Fn::GetAtt` of a resource and attribute; None for a resource that there isn't.
    export
        `Fn::ImportValue`.
    """

    parameters: Mapping[str, Any]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    reference: Callable[[str], Any] = lambda _: None
    attribute: Callable[[str, str], Any] = lambda _name, _attribute: None
    export: Callable[[str], Any] = lambda _: None

    def resolve(self, value: Any) -> Any:
        """The value with every function replaced by its result.

        Raises
        ------
        TemplateError
            When one can't be.
        """
        found = self._resolve(value)
        return None if found is _NO_VALUE else found

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template is met."""
        if condition not in self.conditions:
            raise TemplateError(f"Template format error: Unresolved condition dependency {condition}")
        return self._truth(self.conditions[condition])

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            if isinstance(value, str) and "{{resolve:" in value:
                raise TemplateError(f"Dynamic references are not implemented by this emulator: {value}")
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
            if name == "Condition" and isinstance(argument, str) and argument in self.conditions:
                return self.holds(argument)
        resolved = {key: self._resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self.parameters:
            return self.parameters[name]
        found = self.reference(name)
        if found is None:
            raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template")
        return found

    def _call(self, name: str, argument: Any) -> Any:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise TemplateError(f"Template error: {name} is not implemented by this emulator")
        try:
            return function(self, argument)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            raise TemplateError(f"Template error: {name} object is malformed: {argument}") from None

    def _attribute(self, argument: Any) -> Any:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else (argument[0], self._resolve(argument[1]))
        found = self.attribute(name, attribute)
        if found is None:
            raise TemplateError(f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt")
        return found

    def _join(self, argument: Any) -> Any:
        separator, items = argument[0], self._resolve(argument[1])
        unknown = [item for item in items if isinstance(item, Unknown)]
        return unknown[0] if unknown else separator.join(_text(item) for item in items)

    def _sub(self, argument: Any) -> Any:
        text, extra = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
        unknown: list[Unknown] = []

        def value(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return f"${{{found[2]}}}"
            if name in extra:
                one = self._resolve(extra[name])
            else:
                one = self._attribute(name) if "." in name and name not in self.parameters else self._ref(name)
            if isinstance(one, Unknown):
                unknown.append(one)
            return _text(one)

        result = _SUB.sub(value, text)
        return unknown[0] if unknown else result

    def _if(self, argument: Any) -> Any:
        condition, yes, no = argument
        return self._resolve(yes if self.holds(condition) else no)

    def _truth(self, value: Any) -> bool:
        resolved = self._resolve(value)
        if isinstance(resolved, bool):
            return resolved
        raise TemplateError(f"Template error: every condition must be a boolean, not {value}")

    def _map(self, argument: Any) -> Any:
        name, first, second = (self._resolve(part) for part in argument[:3])
        try:
            return self.mappings[name][first][second]
        except KeyError:
            raise TemplateError(f"Template error: Unable to get mapping for {name}::{first}::{second}") from None

    def _select(self, argument: Any) -> Any:
        number, items = int(self._resolve(argument[0])), self._resolve(argument[1])
        if isinstance(items, Unknown):
            return items
        if not 0 <= number < len(items):
            raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {number}")
        return items[number]

    def _split(self, argument: Any) -> Any:
        text = self._resolve(argument[1])
        return text if isinstance(text, Unknown) else text.split(argument[0])

    def _equals(self, argument: Any) -> bool:
        first, second = (self._resolve(part) for part in argument)
        return _text(first) == _text(second)

    def _export(self, argument: Any) -> Any:
        name = self._resolve(argument)
        found = self.export(name)
        if found is None:
            raise TemplateError(f"No export named {name} found.")
        return found

    def _zones(self, argument: Any) -> list[str]:
        region = self._resolve(argument) or self.parameters["AWS::Region"]
        return [f"{region}{letter}" for letter in "abc"]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(scope: Scope, value: Any) -> set[str]:
    """The members of a list, or the one value, as text."""
    found = scope._resolve(value)
    return {_text(item) for item in found} if isinstance(found, list) else {_text(found)}


_FUNCTIONS: dict[str, Callable[[Scope, Any], Any]] = {
    "Fn::GetAtt": Scope._attribute,
    "Fn::Join": Scope._join,
    "Fn::Sub": Scope._sub,
    "Fn::If": Scope._if,
    "Fn::FindInMap": Scope._map,
    "Fn::Select": Scope._select,
    "Fn::Split": Scope._split,
    "Fn::Equals": Scope._equals,
    "Fn::Not": lambda scope, argument: not scope._truth(argument[0]),
    "Fn::And": lambda scope, argument: all(scope._truth(item) for item in argument),
    "Fn::Or": lambda scope, argument: any(scope._truth(item) for item in argument),
    # of rules alone
    "Fn::Contains": lambda scope, argument: _texts(scope, argument[1]) <= _texts(scope, argument[0]),
    "Fn::EachMemberEquals": lambda scope, argument: _texts(scope, argument[0]) == _texts(scope, argument[1]),
    "Fn::EachMemberIn": lambda scope, argument: _texts(scope, argument[0]) <= _texts(scope, argument[1]),
    "Fn::ImportValue": Scope._export,
    "Fn::GetAZs": Scope._zones,
    "Fn::Base64": lambda scope, argument: base64.b64encode(_text(scope._resolve(argument)).encode()).decode(),
}


def references(value: Any) -> set[str]:
    """The names that a value refers to by Ref, Fn::GetAtt and Fn::Sub."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set().union(*map(references, value.values()))
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" and isinstance(argument, str):
            found.add(argument)
        elif name == "Fn::GetAtt":
            found.add(argument.split(".")[0] if isinstance(argument, str) else argument[0])
        elif name == "Fn::Sub":
            text, own = (argument, {}) if isinstance(argument, str) else argument
            names = {match[2].strip() for match in _SUB.finditer(text) if not match[1]}
            found |= {name.split(".")[0] for name in names - {*own}}
    return found
