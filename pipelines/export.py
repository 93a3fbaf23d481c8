"""The definition as text: the same bytes for the same settings, checked before anyone sees it."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path

from pipelines import definition, validate
from pipelines.atomic import write_text
from pipelines.settings import Settings


def export(settings: Settings) -> str:
    """The checked definition as readable JSON; DefinitionError names each fault by step and field."""
    from pipelines.definition.build import build_definition

    built = build_definition(settings)
    validate.check(built)
    return json.dumps(built, indent=2) + "\n"


def export_cached(settings: Settings) -> str:
    """As `export`, kept in the user's cache folder: importing the SDK takes seconds, reading a file does not.

    The key is made of all that the definition depends on: the code of `pipelines.definition`, the settings, the SDK's version.
    """
    kept = _cache_folder() / f"definition-{_key(settings)}.json"
    if kept.is_file():
        return kept.read_text()
    text = export(settings)
    write_text(text, kept)
    return text


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "housing"


def _key(settings: Settings) -> str:
    digest = hashlib.sha256(settings.model_dump_json().encode())
    digest.update(version("sagemaker").encode())
    for folder in map(Path, definition.__path__):
        for path in sorted(folder.iterdir()):
            if path.is_file():
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
