"""A source as a folder of two files, `panel.csv.gz` and `source.json`: what is uploaded and what the Ingest job reads."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from housing.atomic import write_atomically
from housing.errors import DataError
from housing.panel import Panel
from housing.sources.base import Source, SourceFacts
from housing.sources.texas import TexasSource

TABLE_NAME = "panel.csv.gz"
FACTS_NAME = "source.json"


def write_source_folder(source: Source, folder: Path) -> str:
    """Write `panel.csv.gz` and `source.json` into `folder` and return the sha256 of both: the address of this data.

    The same data gives the same bytes, so the address changes with the data alone.
    """
    table = source.table() if isinstance(source, TexasSource) else compressed_table(source.load())
    facts = (json.dumps(source.facts().to_json(), indent=1, sort_keys=True) + "\n").encode()
    for name, content in ((TABLE_NAME, table), (FACTS_NAME, facts)):
        write_atomically(folder / name, content)
    return hashlib.sha256(hashlib.sha256(table).digest() + hashlib.sha256(facts).digest()).hexdigest()


def read_source_folder(folder: Path) -> tuple[Panel, SourceFacts]:
    """Read what `write_source_folder` wrote; DataError when a file is absent or malformed."""
    from housing.table import read_table_file

    try:
        facts = SourceFacts.from_json(json.loads((folder / FACTS_NAME).read_text()))
    except (OSError, ValueError) as error:
        raise DataError(f"{FACTS_NAME}: absent or not JSON; upload the source again") from error
    return read_table_file(folder / TABLE_NAME, facts.lags, facts.national), facts


def compressed_table(panel: Panel) -> bytes:
    """The panel as a long csv, gzipped without a time stamp."""
    text = panel.to_frame().to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n")
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)
