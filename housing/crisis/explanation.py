"""Why a region is at risk: the log-odds of its drawdown as a sum over groups of variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from housing.crisis.calibration import Calibration, room_left
from housing.crisis.outlook import NOISE_POWER, Step
from housing.crisis.shares import Shares
from housing.crisis.signals import Signals
from housing.panel import Floats

GROUPS = {"growth": "momentum", "turn": "turn", "market": "market", "season": "season"}
"""First part of a predictor's name -> its group; a covariate is a group of its own."""


@dataclass(frozen=True)
class Reasons:
    """`log_odds` = `base` + the sum of `contributions`."""

    log_odds: float
    base: float
    contributions: dict[str, float]


def explain_rows(
    signals: Signals, steps: tuple[Step, ...], calibration: Calibration, threshold: float, implied: Floats
) -> list[Reasons | None]:
    """The reasons of each row of the newest column, taken apart at the step that is closest to the threshold.

    implied : (N,) log-odds of the ensemble's paths, NaN where there is no forecast.
    None for rows whose log-odds are unknown.
    """
    full, usual = -np.log1p(-threshold), signals.market.noise[-1] ** NOISE_POWER
    left = room_left(signals, threshold)[:, -1]
    standing = np.array([signals.standing(step.ahead)[:, -1] for step in steps])
    scales = np.array([step.deviation(signals)[:, -1] for step in steps])
    far = (standing + full + np.array([step.mean(signals)[:, -1] for step in steps])) / scales
    parts = [step.parts(signals)[:, -1] for step in steps]
    reasons: list[Reasons | None] = []
    for row in range(len(left)):
        if not np.isfinite(far[:, row]).all():
            reasons.append(None)
            continue
        tightest = int(np.argmin(far[:, row]))
        step, scale, share = steps[tightest], scales[tightest, row], Shares.of(bool(np.isfinite(implied[row])))
        slope = share.outlook * calibration.outlook.slope
        contributions = {"depth": -slope * standing[tightest, row] / scale + share.depth * calibration.depth.slope * (1 - left[row])}
        for name, part in zip(step.names, parts[tightest][row], strict=True):
            group = _group(name)
            contributions[group] = contributions.get(group, 0.0) - slope * part / scale
        at_peak = (full + step.intercept) / step.scale
        contributions["volatility"] = -slope * at_peak * (step.scale / scale - 1 / usual)
        lines = (share.outlook, calibration.outlook, at_peak / usual), (share.depth, calibration.depth, 1.0)
        base = sum(weight * (line.intercept - line.slope * x) for weight, line, x in lines) / (share.outlook + share.depth)
        if share.paths:
            contributions["paths"] = share.paths * (implied[row] - base)
        named = {group: float(value) for group, value in contributions.items()}
        reasons.append(Reasons(float(base) + sum(named.values()), float(base), named))
    return reasons


def _group(predictor: str) -> str:
    kind, rest = predictor.split(".", 1)
    return GROUPS.get(kind, rest)
