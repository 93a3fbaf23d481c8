"""The whole backtest: warm-up origins, members, the walk-forward ensemble and, when asked, the drawdown probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from housing.backtest import Backtest, Origins, Progress, first_origin, run_backtest
from housing.ensemble import walk_forward
from housing.panel import Panel

if TYPE_CHECKING:
    from housing.labels import DrawdownDefinition

DEFAULT_MEMBERS: tuple[str, ...] = ("naive", "drift", "momentum", "linear", "trend", "xgboost", "catboost", "neural", "statistical")
WARM_UP_YEARS = 4
"""Forecasts from this far before the first listed origin teach the weights and the calibration."""
WARM_UP_MONTHS = 3
"""Distance of two warm-up origins."""


def warm_up_origins(panel: Panel, origins: Sequence[int] | Origins, horizon: int) -> Origins:
    """Columns before the first origin and between the origins, at which members are run for weights and calibration."""
    wanted = np.unique(np.asarray(origins, dtype=np.int64))
    start = max(first_origin(panel, horizon), int(wanted[0]) - WARM_UP_YEARS * panel.season)
    step = max(1, WARM_UP_MONTHS // panel.months_per_period)
    return np.setdiff1d(np.arange(int(wanted[0]), start - 1, -step)[::-1], wanted)


def plan_origins(panel: Panel, origins: Sequence[int] | Origins, horizon: int) -> Origins:
    """The listed origins and their warm-up, ascending: what each member's backtest has to run."""
    return np.union1d(warm_up_origins(panel, origins, horizon), np.asarray(origins, dtype=np.int64))


def with_ensemble(panel: Panel, backtest: Backtest, origins: Sequence[int] | Origins) -> Backtest:
    """The members' backtest at the listed origins, with the walk-forward forecast of the member `ensemble` beside them."""
    wanted = np.unique(np.asarray(origins, dtype=np.int64))
    combined = walk_forward(panel, backtest, wanted).astype(np.float32)
    listed = backtest.select_origins(wanted)
    return replace(listed, values={**listed.values, "ensemble": combined})


def study(
    panel: Panel,
    origins: Sequence[int] | Origins,
    horizon: int,
    *,
    members: Sequence[str] | None = None,
    definition: DrawdownDefinition | None = None,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Backtest:
    """Backtest of the members and the ensemble at the listed origins.

    Each forecast uses only what was known at its origin: the members see `panel.until(o)`, the ensemble's weights and
    calibration the forecasts that had matured by then. With a `definition` the drawdown probability stands beside them.
    Errors: as `run_backtest`.
    """
    names = DEFAULT_MEMBERS if members is None else tuple(members)
    backtest = run_backtest(panel, names, plan_origins(panel, origins, horizon), horizon, seed=seed, on_progress=on_progress)
    result = with_ensemble(panel, backtest, origins)
    if definition is None:
        return result
    from housing.crisis import walk_forward as walk_drawdown

    return replace(result, drawdown=walk_drawdown(panel, definition, backtest, result.origins))
