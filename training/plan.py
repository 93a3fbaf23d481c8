"""The plan of a training: what horizon is forecast, and from which origins the backtest forecasts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from housing.atomic import write_atomically
from housing.errors import DataError
from housing.panel import Panel
from housing.splits import rolling_origins
from housing.study import plan_origins

FILE = "plan.json"
ORIGINS_PER_YEAR = 2


@dataclass(frozen=True)
class Plan:
    """Horizon in periods; months of all origins, ascending; months of those that are scored, the last of all."""

    horizon: int
    origins: tuple[str, ...]
    scored: tuple[str, ...]

    @classmethod
    def make(cls, panel: Panel, horizon: int, scored: int) -> Plan:
        """`scored` origins, each January and July up to the last whose future was observed, and the warm-up that they need.

        On the calendar, so that a model of next month's data is scored at the origins of this month's and can be compared with it.
        Errors: SettingsError when the panel has no room for them.
        """
        last = rolling_origins(panel, horizon, panel.season // ORIGINS_PER_YEAR, count=scored, end=_newest(panel, horizon))
        columns = plan_origins(panel, last, horizon)
        return cls(horizon, tuple(str(date) for date in panel.dates[columns]), tuple(str(date) for date in panel.dates[last]))

    def columns(self, panel: Panel) -> list[int]:
        """Columns of all origins."""
        return [panel.index(month) for month in self.origins]

    def scored_columns(self, panel: Panel) -> list[int]:
        """Columns of the scored origins."""
        return [panel.index(month) for month in self.scored]

    def to_json(self) -> dict[str, Any]:
        return {"horizon": self.horizon, "origins": list(self.origins), "scored": list(self.scored)}

    def save(self, folder: Path) -> None:
        """Write `plan.json`."""
        write_atomically(folder / FILE, json.dumps(self.to_json(), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read `plan.json`; DataError when it is absent or malformed."""
        try:
            facts = json.loads((folder / FILE).read_text())
            plan = cls(int(facts["horizon"]), tuple(facts["origins"]), tuple(facts["scored"]))
            np.array([*plan.origins, *plan.scored], dtype="datetime64[M]")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{FILE}: absent or malformed ({error}); run Prepare again") from error
        return plan


def _newest(panel: Panel, horizon: int) -> str | None:
    """The newest January or July with a whole horizon after it; None where there is none."""
    latest = len(panel.dates) - 1 - horizon
    if latest < 0:
        return None
    months = int(panel.dates[latest].astype("datetime64[M]").astype(int)) % (12 // ORIGINS_PER_YEAR)
    column = latest - months // panel.months_per_period
    return str(panel.dates[column]) if column >= 0 else None
