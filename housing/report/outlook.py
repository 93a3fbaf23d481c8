"""What the forecast says about each region, ranked by risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from housing.forecast import Forecast
from housing.labels import DrawdownDefinition, drawdown_depth
from housing.panel import Floats, Panel


@dataclass(frozen=True)
class Outlook:
    """One region.

    Attributes
    ----------
    row, forecast_row : its row in the panel and in the forecast.
    price : newest observed price.
    low, middle, high : expected change on a year before at levels 0.1, 0.5, 0.9, averaged over the horizon.
    depth : current drawdown, 0 or negative; NaN with too little history.
    probability : of a drawdown onset; NaN where the region is in one or has too little history.
    covered : whether the drawdown definition is stated for this region; elsewhere the probability is only indicative.
    drivers : group of variables -> log-odds of a drawdown, empty when not explained.
    movers : group of variables -> part of the expected log price at the end of the horizon, empty when not explained.
    """

    region: str
    row: int
    forecast_row: int
    price: float
    low: float
    middle: float
    high: float
    depth: float
    probability: float
    covered: bool
    drivers: Mapping[str, float]
    movers: Mapping[str, float]

    def in_drawdown(self, threshold: float) -> bool:
        return bool(self.depth <= -threshold)


def build_outlooks(
    panel: Panel,
    forecast: Forecast,
    definition: DrawdownDefinition,
    explanation: Sequence[Mapping[str, Any]] | None = None,
) -> list[Outlook]:
    """All regions of the forecast, most at risk first; then those in a drawdown, deepest first; then those not covered."""
    place = {name: row for row, name in enumerate(panel.regions)}
    depth = drawdown_depth(panel, replace(definition, regions=None))[:, -1]
    covered = set(panel.regions if definition.regions is None else definition.regions)
    change = change_on_year(panel, forecast)
    drivers, movers = _contributions(explanation, "drawdown"), _contributions(explanation, "price")
    outlooks = [
        Outlook(
            region=name,
            row=place[name],
            forecast_row=row,
            price=_newest(panel.price[place[name]]),
            low=float(change[row, 0]),
            middle=float(change[row, 1]),
            high=float(change[row, 2]),
            depth=float(depth[place[name]]),
            probability=float(forecast.drawdown_probability[row]),
            covered=name in covered,
            drivers=drivers.get(name, {}),
            movers=movers.get(name, {}),
        )
        for row, name in enumerate(forecast.regions)
        if name in place
    ]
    return sorted(outlooks, key=_rank)


def change_on_year(panel: Panel, forecast: Forecast) -> Floats:
    """Forecast over the price of the same season in the last known year, minus 1: (N, 3) for levels 0.1, 0.5, 0.9.

    Averaged in logs over the horizon, so that one noisy month does not decide. Regions that the panel lacks are NaN.
    """
    columns = [int(np.argmin(np.abs(np.array(forecast.levels) - level))) for level in (0.1, 0.5, 0.9)]
    ahead = np.log(forecast.values[:, :, columns])
    steps = np.arange(1, ahead.shape[1] + 1)
    last_year = panel.price.shape[1] - 1 + steps - -(-steps // panel.season) * panel.season
    place = {name: row for row, name in enumerate(panel.regions)}
    before = np.full(ahead.shape[:2], np.nan)
    usable = last_year >= 0
    for row, name in enumerate(forecast.regions):
        if name in place:
            before[row, usable] = panel.log_price[place[name], last_year[usable]]
    growth = ahead - before[:, :, None]
    known = np.isfinite(growth)
    mean = np.where(known, growth, 0).sum(1) / np.maximum(known.sum(1), 1)
    return np.where(known.any(1), np.expm1(mean), np.nan)


def _rank(outlook: Outlook) -> tuple[int, float, str]:
    """Covered and at risk, covered and fallen, then the regions that the definition leaves out."""
    if np.isfinite(outlook.probability):
        return (0 if outlook.covered else 2), -outlook.probability, outlook.region
    return (1 if outlook.covered else 3), float(np.nan_to_num(outlook.depth)), outlook.region


def _contributions(explanation: Sequence[Mapping[str, Any]] | None, part: str) -> dict[str, dict[str, float]]:
    return {str(facts["region"]): dict(facts[part]["contributions"]) for facts in explanation or () if facts[part]}


def _newest(prices: Floats) -> float:
    observed = prices[np.isfinite(prices)]
    return float(observed[-1]) if len(observed) else float("nan")
