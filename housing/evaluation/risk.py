"""Drawdown probabilities as they would have been given, at many origins: onsets are rare, so each counts."""

from __future__ import annotations

import numpy as np

from housing.backtest import Backtest
from housing.crisis import walk_forward
from housing.labels import DrawdownDefinition
from housing.panel import Panel

ORIGINS_PER_YEAR = 4
LONGEST_YEARS = 20
FIRST_YEARS = 4
"""History before the first origin, beside the horizon."""


def drawdown_backtest(panel: Panel, definition: DrawdownDefinition, paths: Backtest | None = None) -> Backtest:
    """Walk-forward probabilities every quarter of a year, over at most the last 20 years that have an outcome.

    Fitted anew at each origin on what was known there. `paths` holds the ensemble's forecasts: at its origins they have
    their say, at the others the drawdown head speaks without them. The result holds no paths itself, and has no origins
    when the panel is too short for any.
    """
    step = panel.season // ORIGINS_PER_YEAR
    last = len(panel.dates) - 1 - definition.horizon
    first = max(FIRST_YEARS * panel.season + definition.horizon, last - LONGEST_YEARS * panel.season)
    origins = np.arange(last, first - 1, -step, dtype=np.int64)[::-1]
    return Backtest(panel.regions, origins, definition.horizon, {}, walk_forward(panel, definition, paths, origins))
