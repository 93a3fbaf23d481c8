"""Facts of the source that travel beside the panel."""

from __future__ import annotations

import json
from pathlib import Path

from housing.errors import DataError
from housing.sources.base import SourceFacts
from housing.sources.folder import FACTS_NAME


def read_source_facts(folder: Path) -> SourceFacts:
    """Read `source.json` in `folder`; DataError when it is absent or malformed."""
    try:
        return SourceFacts.from_json(json.loads((folder / FACTS_NAME).read_text()))
    except (OSError, ValueError) as error:
        raise DataError(f"{FACTS_NAME}: absent or not JSON; run Ingest again") from error
