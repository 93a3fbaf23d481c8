"""The bundled panel: 46 Texas markets, monthly, 2000-01 to 2015-07."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path

from housing.errors import DataError
from housing.panel import Panel
from housing.sources.base import SourceFacts

DATA = Path(__file__).parent / "data"
TEXAS_TABLE = DATA / "texas.csv.gz"
TEXAS_FACTS = DATA / "texas.json"


class TexasSource:
    """Median sale prices with sales, volume, listings and inventory, and core CPI as the deflator."""

    name = "texas"

    @cached_property
    def _facts(self) -> SourceFacts:
        try:
            return SourceFacts.from_json(json.loads(TEXAS_FACTS.read_text()))
        except (OSError, ValueError) as error:
            raise DataError(f"bundled data: {TEXAS_FACTS.name} cannot be read; install the package again") from error

    def facts(self) -> SourceFacts:
        return self._facts

    def table(self) -> bytes:
        """The bundled csv.gz as it is; DataError when its sha256 is not the recorded one."""
        try:
            content = TEXAS_TABLE.read_bytes()
        except OSError as error:
            raise DataError(f"bundled data: {TEXAS_TABLE.name} cannot be read; install the package again") from error
        if hashlib.sha256(content).hexdigest() != self.facts().sha256:
            raise DataError(f"bundled data: {TEXAS_TABLE.name} was altered (sha256 differs); install the package again")
        return content

    def load(self) -> Panel:
        from housing.table import read_table_file

        self.table()
        return read_table_file(TEXAS_TABLE, self.facts().lags, self.facts().national)
