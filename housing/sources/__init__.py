"""Where data comes from. Each source answers a panel and its facts; `open_source` finds one by name or path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from housing.errors import SettingsError
from housing.sources.base import Source, SourceFacts
from housing.sources.folder import read_source_folder, write_source_folder
from housing.sources.table import TableSource
from housing.sources.texas import TexasSource

__all__ = ["Source", "SourceFacts", "TableSource", "TexasSource", "open_source", "read_source_folder", "write_source_folder"]


def open_source(name_or_path: str | Path, lags: Mapping[str, int] | None = None, national: tuple[str, ...] = ()) -> Source:
    """The bundled source `texas`, or a long table in a csv or csv.gz file.

    `lags` and `national` describe the columns of a file; the bundled source states its own.
    Errors: SettingsError when there is no such source, or lags are given for the bundled one.
    """
    if str(name_or_path) == TexasSource.name:
        if lags or national:
            raise SettingsError("lag: the bundled source states its own lags; give lags only with a file")
        return TexasSource()
    path = Path(name_or_path)
    if not path.is_file():
        raise SettingsError(f"panel {str(name_or_path)!r}: neither the bundled source 'texas' nor a file; check the path")
    return TableSource(path, dict(lags or {}), national)
