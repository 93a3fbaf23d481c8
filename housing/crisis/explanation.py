"""Why a region is at risk: the log-odds of its drawdown as a sum over groups of variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from housing.crisis.outlook import NOISE_POWER, Step
from housing.crisis.signals import Signals

GROUPS = {"growth": "momentum", "turn": "turn", "market": "market", "season": "season"}
"""First part of a predictor's name -> its group; a covariate is a group of its own."""


@dataclass(frozen=True)
class Curve:
    """From distance to log-odds: `intercept - slope * distance` for `threshold`; `noise` is that of the reference region."""

    threshold: float
    intercept: float
    slope: float
    noise: float


def explain_region(row: int, signals: Signals, steps: tuple[Step, ...], curve: Curve, at_risk: bool) -> dict[str, Any]:
    """`log_odds`, `base` and `contributions` of one row; see `DrawdownHead.explain`."""
    if not at_risk:
        return {"log_odds": float("nan"), "base": float("nan"), "contributions": {}}
    full = -np.log1p(-curve.threshold)
    room = np.log1p(signals.depth[row, -1]) + full
    far = [(room + s.mean(signals)[row, -1]) / s.deviation(signals)[row, -1] for s in steps]
    step = steps[int(np.argmin(far))]
    scale, usual = step.deviation(signals)[row, -1], step.scale * curve.noise**NOISE_POWER
    contributions = {"depth": curve.slope * (full - room) / scale}
    for predictor, part in zip(step.names, step.parts(signals)[row, -1], strict=True):
        kind, rest = predictor.split(".", 1)
        group = GROUPS.get(kind, rest)
        contributions[group] = contributions.get(group, 0.0) - curve.slope * part / scale
    contributions["volatility"] = -curve.slope * (full + step.intercept) * (1 / scale - 1 / usual)
    return {
        "log_odds": float(curve.intercept - curve.slope * min(far)),
        "base": float(curve.intercept - curve.slope * (full + step.intercept) / usual),
        "contributions": {group: float(value) for group, value in contributions.items()},
    }
