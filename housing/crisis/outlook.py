"""Where the level is likely to go: mean and scale of its growth over each of the next steps, one ridge regression per step.

The target is continuous, so every period of every region teaches it, not only the few that began a crisis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from housing.crisis.signals import Signals
from housing.errors import DataError
from housing.panel import Floats

MOST_STEPS = 12
RIDGE = 20.0
"""Penalty of a standardised predictor, in rows of average weight."""

MARKET_RIDGE = 20.0
"""The same for a predictor with one value per period: per region and step ahead, since regions and overlapping periods repeat it."""

COVARIATE_RIDGE = 500.0
NOISE_POWER = 0.75
"""How steeply the errors of the outlook rise with the noise."""

HALF_LIFE_YEARS = 8.0
"""A period weighs half when it is this much older: dynamics change, and a past without a crisis must not drown one."""

FEWEST_ROWS = 40


@dataclass(frozen=True)
class Step:
    """The regression of one step: intercept and coefficients on standardised predictors, and the scale at noise 1."""

    ahead: int
    names: tuple[str, ...]
    centre: Floats
    spread: Floats
    intercept: float
    coefficients: Floats
    scale: float

    def parts(self, signals: Signals) -> Floats:
        """Contribution of each predictor to the mean, (N, T', K); an unknown covariate contributes nothing."""
        values = predictors(signals, self.ahead, self.names)
        return (np.where(np.isnan(values) & _optional(self.names), self.centre, values) - self.centre) / self.spread * self.coefficients

    def mean(self, signals: Signals) -> Floats:
        """Expected log growth over `ahead` periods, (N, T')."""
        total: Floats = self.intercept + self.parts(signals).sum(-1)
        return total

    def deviation(self, signals: Signals) -> Floats:
        return self.scale * signals.noise**NOISE_POWER

    def to_json(self) -> dict[str, Any]:
        arrays = {n: getattr(self, n).tolist() for n in ("centre", "spread", "coefficients")}
        return arrays | {"ahead": self.ahead, "names": list(self.names), "intercept": self.intercept, "scale": self.scale}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        arrays = {n: np.array(facts[n], dtype=np.float64) for n in ("centre", "spread", "coefficients")}
        return cls(ahead=facts["ahead"], names=tuple(facts["names"]), intercept=facts["intercept"], scale=facts["scale"], **arrays)


def steps_ahead(horizon: int) -> list[int]:
    """At most 12 steps, evenly spread, the horizon among them."""
    count = min(horizon, MOST_STEPS)
    return [int(-(-horizon * i // count)) for i in range(1, count + 1)]


def fit_outlook(signals: Signals, horizon: int, rows: Floats) -> list[Step]:
    """One regression per step from all periods whose future is in `signals`.

    rows : (N,) 1 for the regions that teach. Noisy periods count less: weight 1 / (noise^2 + today's noise^2).
    DataError when fewer than 40 region-periods are complete.
    """
    today = float(np.nanmedian(signals.noise[:, -signals.season :][rows > 0]))
    return [_fit_step(signals, ahead, horizon, rows, today) for ahead in steps_ahead(horizon)]


def _fit_step(signals: Signals, ahead: int, horizon: int, rows: Floats, today: float) -> Step:
    names = (*signals.columns, *(["season.last_year"] if ahead % signals.season else []))
    x, y = predictors(signals, ahead, names), signals.future(ahead)
    complete = np.isfinite(y) & np.isfinite(signals.noise) & (np.isfinite(x) | _optional(names)).all(-1) & (rows > 0)[:, None]
    if complete.sum() < FEWEST_ROWS:
        raise DataError(f"panel: {int(complete.sum())} complete region-periods to learn drawdowns from; at least {FEWEST_ROWS} are needed")
    x, y, noise = x[complete], y[complete], signals.noise[complete]
    age = complete.shape[1] - 1 - np.nonzero(complete)[1]
    weight = 0.5 ** (age / (HALF_LIFE_YEARS * signals.season)) / (noise**2 + today**2)
    weight /= weight.mean()
    known = np.isfinite(x)
    centre = np.where(known, x, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    x = np.where(known, x, centre)
    spread = np.where(x.std(0) > 1e-9, x.std(0), 1.0)
    design = np.column_stack([np.ones(len(x)), (x - centre) / spread])
    penalty = np.concatenate([[0.0], _penalties(names, int((rows > 0).sum()) * horizon)])
    solution = np.linalg.solve((design * weight[:, None]).T @ design + np.diag(penalty), (design * weight[:, None]).T @ y)
    residual = (y - design @ solution) / noise**NOISE_POWER
    scale = float(np.sqrt(np.average(residual**2, weights=weight)))
    return Step(ahead, names, centre, spread, float(solution[0]), solution[1:], scale)


def predictors(signals: Signals, ahead: int, names: tuple[str, ...]) -> Floats:
    """The named predictors, (N, T', K); an absent covariate is NaN."""
    shape = signals.depth.shape
    unknown = np.full(shape, np.nan)
    columns = {**signals.columns, "season.last_year": signals.last_year(ahead)[:, -shape[1] :]}
    return np.stack([columns.get(name, unknown) for name in names], axis=-1)


def _optional(names: tuple[str, ...]) -> np.ndarray:
    return np.array([name.startswith("covariate.") for name in names])


def _penalties(names: tuple[str, ...], repeats: int) -> Floats:
    kinds = {"market": MARKET_RIDGE * repeats, "covariate": COVARIATE_RIDGE}
    return np.array([kinds.get(name.split(".")[0], RIDGE) for name in names])
