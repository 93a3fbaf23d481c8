"""From the outlook's distance to the threshold to log-odds: a logistic curve, learned from the labels that have matured."""

from __future__ import annotations

import numpy as np

from housing.crisis.logistic import fit_logistic
from housing.crisis.outlook import Step
from housing.crisis.signals import Signals
from housing.labels import DrawdownDefinition, onset_labels
from housing.panel import Floats, Panel

PRIOR_SLOPE = 1.7
"""A logistic curve with this slope is the normal distribution function within 0.01: the prior is 'the outlook is right'."""

INTERCEPT_PENALTY, SLOPE_PENALTY = 10.0, 100.0

NEIGHBOURS = (0.5, 1.0, 1.5)
"""The calibration also learns from the onsets of shallower and deeper drawdowns: more events, and any threshold can be asked."""

DEEPEST = 0.95


def distance(signals: Signals, steps: tuple[Step, ...], threshold: float) -> Floats:
    """Room above the threshold at the tightest step, in scales of the outlook's error: (N, T')."""
    room = np.log1p(signals.depth) - np.log1p(-threshold)
    nearest: Floats = np.minimum.reduce([(room + step.mean(signals)) / step.deviation(signals) for step in steps])
    return nearest


def calibrate(panel: Panel, definition: DrawdownDefinition, signals: Signals, steps: tuple[Step, ...]) -> tuple[float, float]:
    """Intercept and slope from the matured labels; overlapping windows count as one observation."""
    distances, labels = [], []
    for factor in NEIGHBOURS:
        depth = min(factor * definition.threshold, DEEPEST)
        label, far = onset_labels(panel, definition.at(depth)), distance(signals, steps, depth)
        usable = np.isfinite(label) & np.isfinite(far)
        distances.append(far[usable])
        labels.append(label[usable])
    y, far = np.concatenate(labels), np.concatenate(distances)
    x = np.column_stack([np.ones(len(far)), -far])
    weight = np.full(len(y), 1 / (definition.horizon * len(NEIGHBOURS)))
    b = fit_logistic(x, y, weight, np.array([INTERCEPT_PENALTY, SLOPE_PENALTY]), np.array([0.0, PRIOR_SLOPE]))
    return float(b[0]), float(max(b[1], 0.0))
