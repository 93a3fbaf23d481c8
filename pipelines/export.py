"""The definition as a file: the same bytes for the same settings, checked before anyone sees it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pipelines import validate
from pipelines.definition.build import build_definition
from pipelines.settings import Settings


def export(settings: Settings) -> str:
    """The checked definition as readable JSON; DefinitionError names each fault by step and field."""
    definition = build_definition(settings)
    validate.check(definition)
    return json.dumps(definition, indent=2) + "\n"


def write(text: str, path: Path) -> None:
    """Write `text` to `path` whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
