"""Drawdown probabilities as they would have been given: fitted again at each origin, on what was known then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from housing.backtest import Backtest
from housing.crisis.dependence import DEFAULT_MEMORY, combined_paths, estimate_memory
from housing.crisis.head import DrawdownHead
from housing.crisis.logistic import fit_logistic, sigmoid
from housing.crisis.signals import growth
from housing.errors import DataError, SettingsError
from housing.labels import DrawdownDefinition, drawdown_depth, drawdown_level, onset_labels
from housing.panel import Floats, Panel


def walk_forward(
    panel: Panel, definition: DrawdownDefinition, backtest: Backtest | None = None, origins: Iterable[int] | None = None
) -> dict[str, Floats]:
    """Probabilities at each origin from what was known there: method -> (O, N), NaN where a region is not at risk.

    Methods: `ensemble` (DrawdownHead), `logistic` (depth and growth over a year and a quarter), `climatology` (rate of
    onsets so far), `rule` (the depth itself: a score to rank by, not a probability).
    `origins` default to those of the backtest.
    """
    if origins is None:
        if backtest is None:
            raise SettingsError("origins: none given and no backtest to take them from")
        origins = backtest.origins.tolist()
    rows: dict[str, list[Floats]] = {"ensemble": [], "rule": [], "climatology": [], "logistic": []}
    forecasts = _Forecasts.of(panel, backtest)
    for origin in origins:
        for method, values in _at_origin(panel.until(origin), definition, forecasts).items():
            rows[method].append(values)
    return {method: np.array(values).reshape(-1, len(panel.regions)) for method, values in rows.items()}


@dataclass(frozen=True)
class _Forecasts:
    """The ensemble's forecasts at the origins of a backtest, (O, N, H, 9), each from what was known there."""

    origins: list[int]
    paths: Floats

    @classmethod
    def of(cls, panel: Panel, backtest: Backtest | None) -> _Forecasts | None:
        return None if backtest is None else cls(backtest.origins.tolist(), combined_paths(panel, backtest))

    def at(self, known: Panel) -> tuple[float, Floats | None]:
        """The memory of the errors seen by the end of `known`, and the forecast from there, if there is one."""
        now = len(known.dates) - 1
        earlier = sum(origin < now for origin in self.origins)
        memory = estimate_memory(known, self.origins[:earlier], self.paths[:earlier])
        return memory, self.paths[self.origins.index(now)] if now in self.origins else None


def _at_origin(known: Panel, definition: DrawdownDefinition, forecasts: _Forecasts | None) -> dict[str, Floats]:
    depth, label = drawdown_depth(known, definition), onset_labels(known, definition)
    now = depth[:, -1]
    at_risk = np.isfinite(now) & (now > -definition.threshold)

    def masked(values: Any) -> Floats:
        return np.where(at_risk, values, np.nan)

    seen = np.isfinite(label)
    climate = float(np.mean(label[seen])) if seen.any() else np.nan
    return {
        "ensemble": masked(_ours(known, definition, forecasts)),
        "rule": masked(-now),
        "climatology": masked(climate),
        "logistic": masked(_reference(known, definition, depth, label)),
    }


def _ours(known: Panel, definition: DrawdownDefinition, forecasts: _Forecasts | None) -> Floats:
    memory, paths = (DEFAULT_MEMORY, None) if forecasts is None else forecasts.at(known)
    try:
        return DrawdownHead().fit_with_memory(known, definition, memory).predict(known, paths)
    except DataError:
        return np.full(len(known.regions), np.nan)


def _reference(known: Panel, definition: DrawdownDefinition, depth: Floats, label: Floats) -> Floats:
    """The three-variable logistic: depth, growth over a year, growth over a quarter, standardised, ridge 1."""
    level = np.log(drawdown_level(known, definition))
    x = np.stack([depth, growth(level, known.season), growth(level, known.season // 4)], axis=-1)
    complete = np.isfinite(label) & np.isfinite(x).all(-1)
    if complete.sum() < 2:
        return np.full(len(depth), np.nan)
    train, y = x[complete], label[complete]
    centre, spread = train.mean(0), train.std(0) + 1e-9
    design = np.column_stack([np.ones(len(y)), (train - centre) / spread])
    b = fit_logistic(design, y, np.ones(len(y)), np.array([1e-6, 1, 1, 1]), np.zeros(4))
    return sigmoid(b[0] + (x[:, -1] - centre) / spread @ b[1:])
