"""From the outlook and from the depth to log-odds: two logistic curves, learned from the labels that have matured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from housing.crisis.logistic import fit_logistic
from housing.crisis.outlook import Step
from housing.crisis.signals import Signals
from housing.labels import DrawdownDefinition, onset_labels
from housing.panel import Floats, Panel

OUTLOOK_PRIOR, OUTLOOK_PENALTY = (0.0, 1.7), (10.0, 100.0)
"""Intercept and slope: a logistic curve of slope 1.7 is the normal distribution function within 0.01, so the prior says that
the outlook is right."""

DEPTH_PRIOR, DEPTH_PENALTY = (0.0, 4.0), (1.0, 1.0)
"""The prior of the depth alone: even odds at the threshold, 2% at the peak."""

NEIGHBOURS = (0.5, 1.0, 1.5)
"""The curves also learn from the onsets of shallower and deeper drawdowns: more events, and any threshold can be asked."""

DEEPEST = 0.95


@dataclass(frozen=True)
class Line:
    """log-odds = intercept - slope * x, the slope not below 0."""

    intercept: float
    slope: float

    def odds(self, x: Floats) -> Floats:
        return self.intercept - self.slope * x


@dataclass(frozen=True)
class Calibration:
    """The outlook's curve over its distance, the depth's over `room_left`."""

    outlook: Line
    depth: Line

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        return cls(Line(**facts["outlook"]), Line(**facts["depth"]))


def distances(signals: Signals, steps: tuple[Step, ...], thresholds: Sequence[float]) -> list[Floats]:
    """Room above each threshold at the tightest step, in scales of the outlook's error: (N, T') each.

    The room is what would be left if the level stood still, so an old peak that leaves the trailing window frees a region.
    """
    nearest: list[Floats] = [np.full(signals.depth.shape, np.inf) for _ in thresholds]
    for step in steps:
        ahead, deviation = (
            np.where(np.isfinite(signals.depth), signals.standing(step.ahead), np.nan) + step.mean(signals),
            step.deviation(signals),
        )
        nearest = [np.minimum(far, (ahead - np.log1p(-x)) / deviation) for far, x in zip(nearest, thresholds, strict=True)]
    return nearest


def room_left(signals: Signals, threshold: float) -> Floats:
    """1 at the peak, 0 at the threshold, in logs of the level: (N, T')."""
    room: Floats = 1 - np.log1p(signals.depth) / np.log1p(-threshold)
    return room


def calibrate(panel: Panel, definition: DrawdownDefinition, signals: Signals, steps: tuple[Step, ...]) -> Calibration:
    """Both curves from the matured labels; overlapping windows count as one observation."""
    thresholds = [min(factor * definition.threshold, DEEPEST) for factor in NEIGHBOURS]
    rows = []
    for threshold, far in zip(thresholds, distances(signals, steps, thresholds), strict=True):
        label, room = onset_labels(panel, definition.at(threshold)), room_left(signals, threshold)
        usable = np.isfinite(label) & np.isfinite(far)
        rows.append(np.column_stack([label[usable], far[usable], room[usable]]))
    y, far, room = np.concatenate(rows).T
    weight = np.full(len(y), 1 / (definition.horizon * len(NEIGHBOURS)))
    return Calibration(_line(far, y, weight, OUTLOOK_PRIOR, OUTLOOK_PENALTY), _line(room, y, weight, DEPTH_PRIOR, DEPTH_PENALTY))


def _line(x: Floats, y: Floats, weight: Floats, prior: tuple[float, float], penalty: tuple[float, float]) -> Line:
    b = fit_logistic(np.column_stack([np.ones(len(x)), -x]), y, weight, np.array(penalty), np.array(prior))
    return Line(float(b[0]), max(float(b[1]), 0.0))
