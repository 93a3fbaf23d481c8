"""The CloudFormation templates of deploy/aws, made ready to be sent: short forms and YAML's merges written out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import BootstrapError

FOLDER = Path(__file__).parents[1] / "deploy" / "aws"
STACKS = {"app": "housing-app", "sagemaker": "housing-sagemaker", "cost": "housing-cost"}
"""Template -> the stack that it is deployed as."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: Any) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {name: text.split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Template:
    """One template: its name, its document, and its text as it is sent."""

    name: str
    document: Mapping[str, Any]

    @property
    def stack_name(self) -> str:
        return STACKS[self.name]

    @property
    def text(self) -> str:
        """JSON without blanks: the service reads no aliases, and counts bytes."""
        return json.dumps(self.document, separators=(",", ":"))

    @property
    def key(self) -> str:
        """Where it lies in the artifact bucket: another content, another key."""
        return f"templates/{self.name}-{digest(self.text.encode())}.json"

    def parameters(self, known: Mapping[str, str]) -> dict[str, str]:
        """Of the known values those that the template asks for."""
        return {name: value for name, value in known.items() if name in self.document.get("Parameters", {})}


def load(name: str, folder: Path = FOLDER) -> Template:
    """The template `name`.yaml.

    Errors: BootstrapError when it isn't there or can't be read.
    """
    path = folder / f"{name}.yaml"
    try:
        document = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    except OSError:
        raise BootstrapError(f"{path}: not found; run `housing bootstrap` from a checkout of the repository") from None
    except yaml.YAMLError as error:
        raise BootstrapError(f"{path}: {' '.join(str(error).split())}") from None
    return Template(name, json.loads(json.dumps(document)))


def with_names(template: Template, names: Mapping[str, Mapping[str, str]]) -> Template:
    """The template with these properties of its resources written as they are, in place of the functions that come to the same."""
    resources = dict(template.document["Resources"])
    for logical in set(resources) & set(names):
        resources[logical] = {**resources[logical], "Properties": {**resources[logical]["Properties"], **names[logical]}}
    return Template(template.name, {**template.document, "Resources": resources})


def digest(content: bytes) -> str:
    """A content's name."""
    return hashlib.sha256(content).hexdigest()[:24]
