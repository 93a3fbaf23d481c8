"""Market: what the regions of a panel have in common at each date. It gives features of a single region their cross-section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from housing.panel import Months, Panel


@dataclass(frozen=True)
class Market:
    """The cross-section of a panel, by date.

    Attributes
    ----------
    dates : datetime64[M] (T,), the panel's calendar.
    season : periods per year.
    """

    dates: Months
    season: int

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """The market that the regions of `panel` form."""
        return cls(panel.dates, panel.season)
