"""What every source of data answers: a panel, and the facts that travel with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

from housing.errors import DataError
from housing.labels import DrawdownDefinition
from housing.panel import Panel


@dataclass(frozen=True)
class SourceFacts:
    """Where a panel comes from, under which terms, and how it is to be read.

    Attributes
    ----------
    name : short name, e.g. "texas".
    title : one line for people.
    licence, attribution : the terms of the data and whom to name.
    vintage : when the values were current: revised values are not those that were first published.
    unit : unit of the price.
    drawdown : what a price drawdown is on this panel.
    lags : column -> publication lag in periods relative to the price.
    national : columns with one value per date.
    sha256 : of the bundled file, empty for a table of the user.
    """

    name: str
    title: str
    licence: str
    attribution: str
    vintage: str
    unit: str
    drawdown: DrawdownDefinition
    lags: Mapping[str, int] = field(default_factory=dict)
    national: tuple[str, ...] = ()
    sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """The content of `source.json`."""
        return {
            **vars(self),
            "drawdown": self.drawdown.to_json(),
            "lags": dict(self.lags),
            "national": list(self.national),
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """From `to_json`; DataError on an absent or unknown key."""
        try:
            drawdown = DrawdownDefinition.from_json(facts["drawdown"])
            return cls(**{**facts, "drawdown": drawdown, "national": tuple(facts.get("national", ()))})
        except KeyError as error:
            raise DataError(f"source.json: the key {error} is missing; write the source again") from error
        except TypeError as error:
            raise DataError(f"source.json: {error}; write the source again") from error


@runtime_checkable
class Source(Protocol):
    """A place that data comes from. Both methods are deterministic: the same source gives the same panel and facts."""

    @property
    def name(self) -> str: ...

    def load(self) -> Panel:
        """The whole panel; DataError when the data is absent, altered or malformed."""
        ...

    def facts(self) -> SourceFacts:
        """Licence, vintage, lags and the drawdown definition."""
        ...
