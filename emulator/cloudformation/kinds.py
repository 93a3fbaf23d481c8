"""What a kind of resource is to CloudFormation: something to make, change, take away and find."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from emulator.clients import Clients
from emulator.cloudformation.fitting import fitted
from emulator.cloudformation.intrinsics import TemplateError
from emulator.context import Context

Properties = Mapping[str, Any]
_KINDS: dict[str, Resource] = {}
_ABSENT = ("NoSuch", "NotFound", "NonExistent", "DoesNotExist", "404")


class ResourceError(Exception):
    """A resource can't be made, changed or taken away; one line."""


@dataclass(frozen=True)
class Made:
    """A resource that exists: its physical id, its attributes for `Fn::GetAtt`, and what `Ref` gives where that is not the id."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True)
class Work:
    """One resource's place: its stack and name, and the services that make it."""

    context: Context
    stack_id: str
    stack_name: str
    logical_id: str
    update_policy: Mapping[str, Any] = field(default_factory=dict)

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation by its boto3 name; values get the types of its shape, those that are None are left out.

        Raises
        ------
        ClientError
            As the service answers.
        """
        client = self.context.part(Clients).get(service)
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
        given = {key: value for key, value in parameters.items() if value is not None}
        answer: dict[str, Any] = getattr(client, operation)(**fitted(given, shape))
        return answer

    def quietly(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """The same; None when what it is about doesn't exist."""
        try:
            return self.call(service, operation, **parameters)
        except ClientError as error:
            if is_absent(error):
                return None
            raise

    def name(self, longest: int = 64, lower: bool = False) -> str:
        """A new physical name: STACK-LOGICALID-RANDOM."""
        letters = string.ascii_lowercase + string.digits
        tail = "".join(secrets.choice(letters if lower else letters.upper()) for _ in range(12))
        head = f"{self.stack_name}-{self.logical_id}"[: longest - 13].rstrip("-")
        return f"{head}-{tail}".lower() if lower else f"{head}-{tail}"

    def tags(self, properties: Properties) -> list[dict[str, str]]:
        """A resource's own tags; CloudFormation's begin with `aws:`, which only it may write."""
        return [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in properties.get("Tags", [])]


def is_absent(error: ClientError) -> bool:
    """Whether an error says that the thing is not there."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return any(word in code for word in _ABSENT) or (code == "ValidationException" and "does not exist" in str(error))


class Resource:
    """Base of every kind; a subclass registers itself under `type`.

    `known` are the properties it understands: any other fails the resource. Changing one of `fixed` means another resource.
    `name_property` is the one by which one that is there can be adopted; empty where the service can't.
    `remembered` says whether it outlives the emulator's process; what doesn't is made again at the next start.
    """

    type: ClassVar[str] = ""
    known: ClassVar[frozenset[str]] = frozenset()
    fixed: ClassVar[frozenset[str]] = frozenset()
    required: ClassVar[frozenset[str]] = frozenset()
    remembered: ClassVar[bool] = False
    name_property: ClassVar[str] = ""
    simulated: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if cls.type:
            _KINDS[cls.type] = cls()

    def create(self, work: Work, properties: Properties) -> Made:
        """Make it."""
        raise NotImplementedError

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        """Change it in place; by default what creates also changes."""
        del made, old
        return self.create(work, new)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        """Take it away; what isn't there is no error."""
        raise NotImplementedError

    def find(self, work: Work, properties: Properties) -> Made | None:
        """The resource of the name that the properties choose, when there is one to be imported."""
        del work, properties
        return None

    def as_before(self, work: Work, made: Made, before: Made) -> Made:
        """After it was made again: keep the id that it had, where callers know it by that."""
        del work, before
        return made

    def check(self, properties: Properties) -> None:
        """Refuse properties that it doesn't understand or lacks.

        Raises
        ------
        ResourceError
            That names them.
        """
        unknown = sorted(set(properties) - self.known)
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]}: this emulator's {self.type} has {sorted(self.known)}")
        missing = sorted(self.required - set(properties))
        if missing:
            raise ResourceError(f"Property {missing[0]} cannot be empty.")


def kind_of(name: str) -> Resource:
    """Who makes resources of a type.

    Raises
    ------
    TemplateError
        When nobody does: never a silent success.
    """
    found = kinds().get(name)
    if found is None:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{name}]: this emulator doesn't make it")
    return found


@functools.cache
def kinds() -> dict[str, Resource]:
    """Every kind by type."""
    from emulator.cloudformation import resources

    for module in pkgutil.iter_modules(resources.__path__, f"{resources.__name__}."):
        importlib.import_module(module.name)
    return _KINDS
