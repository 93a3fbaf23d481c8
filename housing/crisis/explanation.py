"""Why a region is at risk: the log-odds of its drawdown as a sum over groups of variables."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Reasons:
    """`log_odds` = `base` + the sum of `contributions`."""

    log_odds: float
    base: float
    contributions: dict[str, float]


NO_REASONS = Reasons(float("nan"), float("nan"), {})


def explain_region(row: int, signals: Signals, steps: tuple[Step, ...], curve: Curve) -> Reasons:
    """The outlook's log-odds of one row, taken apart at the step that is closest to the threshold."""
    full = -np.log1p(-curve.threshold)
    room = np.log1p(signals.depth[row, -1]) + full
    far = [(room + s.mean(signals)[row, -1]) / s.deviation(signals)[row, -1] for s in steps]
    step = steps[int(np.argmin(far))]
    scale, usual = step.deviation(signals)[row, -1], step.scale * curve.noise**NOISE_POWER
    contributions = {"depth": float(curve.slope * (full - room) / scale)}
    for predictor, part in zip(step.names, step.parts(signals)[row, -1], strict=True):
        kind, rest = predictor.split(".", 1)
        group = GROUPS.get(kind, rest)
        contributions[group] = contributions.get(group, 0.0) - float(curve.slope * part / scale)
    contributions["volatility"] = float(-curve.slope * (full + step.intercept) * (1 / scale - 1 / usual))
    base = float(curve.intercept - curve.slope * (full + step.intercept) / usual)
    return Reasons(float(curve.intercept - curve.slope * min(far)), base, contributions)


def with_paths(reasons: Reasons, implied: float, share: float) -> Reasons:
    """The reasons after `share` of the log-odds went to `implied`, those of the ensemble's paths."""
    if share == 0.0 or not reasons.contributions:
        return reasons
    contributions = {group: (1 - share) * value for group, value in reasons.contributions.items()}
    contributions["paths"] = share * (implied - reasons.base)
    return Reasons((1 - share) * reasons.log_odds + share * implied, reasons.base, contributions)
