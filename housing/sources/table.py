"""A user's own long table as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from housing.labels import DrawdownDefinition
from housing.panel import Panel
from housing.sources.base import SourceFacts


@dataclass(frozen=True)
class TableSource:
    """A csv or csv.gz file `region,date,price[,covariate...]`, with the lags and national columns that its owner states."""

    path: Path
    lags: Mapping[str, int] = field(default_factory=dict)
    national: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".gz").removesuffix(".csv")

    @cached_property
    def _panel(self) -> Panel:
        from housing.table import read_table_file

        return read_table_file(self.path, self.lags, self.national)

    def load(self) -> Panel:
        return self._panel

    def facts(self) -> SourceFacts:
        panel = self._panel
        return SourceFacts(
            name=self.name,
            title=f"{len(panel.regions)} regions of {self.path.name}",
            licence="not stated: the terms of whoever published the table",
            attribution="the owner of the table",
            vintage=f"values as in the file, to {panel.dates[-1]}; earlier publications may have differed",
            unit="price units of the table",
            drawdown=DrawdownDefinition.default(panel),
            lags=dict(self.lags),
            national=self.national,
        )
