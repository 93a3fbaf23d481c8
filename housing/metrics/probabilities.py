"""How good event probabilities are: sharpness, ranking and calibration, on rows whose outcome is known.

Every function drops rows where the outcome or the probability is NaN, and answers NaN where the measure has no meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing.panel import Floats

SMALLEST_PROBABILITY = 1e-4
"""Log loss treats more confident probabilities as this, so that one certain miss does not hide all else."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose probability lies in [low, high): how many, what was promised, what came."""

    low: float
    high: float
    count: int
    mean_probability: float
    frequency: float


def known_rows(outcome: Floats, *scores: Floats) -> tuple[Floats, ...]:
    """Outcome and scores, flattened, on the rows where all are known."""
    flat = [np.asarray(array, dtype=np.float64).ravel() for array in (outcome, *scores)]
    known = np.logical_and.reduce([np.isfinite(array) for array in flat])
    return tuple(array[known] for array in flat)


def brier_score(outcome: Floats, probability: Floats) -> float:
    """Mean squared distance of the probability from the outcome (Brier 1950); NaN without rows."""
    y, p = known_rows(outcome, probability)
    return float(((p - y) ** 2).mean()) if len(y) else float("nan")


def brier_skill(outcome: Floats, probability: Floats, reference: Floats) -> float:
    """1 - Brier of the probability over Brier of the reference, on shared rows; NaN when the reference is perfect."""
    y, p, r = known_rows(outcome, probability, reference)
    base = float(((r - y) ** 2).sum())
    return 1 - float(((p - y) ** 2).sum()) / base if base > 0 else float("nan")


def log_loss(outcome: Floats, probability: Floats) -> float:
    """Mean negative log likelihood; NaN without rows."""
    y, p = known_rows(outcome, probability)
    p = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(-np.where(y > 0, np.log(p), np.log1p(-p)).mean()) if len(y) else float("nan")


def auc(outcome: Floats, score: Floats) -> float:
    """Probability that a positive row outranks a negative one, ties counted half; NaN unless both classes are there."""
    y, s = known_rows(outcome, score)
    positives = int((y > 0).sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = _mean_ranks(s)
    return float((ranks[y > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(outcome: Floats, score: Floats) -> float:
    """Precision averaged over the recall gained at each distinct score; NaN without positives."""
    y, s = known_rows(outcome, score)
    if not (y > 0).any():
        return float("nan")
    order = np.argsort(-s, kind="stable")
    hits = np.cumsum(y[order] > 0)
    last_of_score = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    precision = hits[last_of_score] / (last_of_score + 1)
    gained = np.diff(hits[last_of_score], prepend=0) / hits[-1]
    return float((precision * gained).sum())


def reliability_bins(outcome: Floats, probability: Floats, bins: int = 10) -> list[ReliabilityBin]:
    """Rows in `bins` bins of equal width; empty bins are left out."""
    y, p = known_rows(outcome, probability)
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    return [
        ReliabilityBin(k / bins, (k + 1) / bins, int(rows.sum()), float(p[rows].mean()), float(y[rows].mean()))
        for k in range(bins)
        if (rows := which == k).any()
    ]


def calibration_error(outcome: Floats, probability: Floats, bins: int = 10) -> float:
    """Expected calibration error: |promised - came|, weighted by rows (Naeini et al. 2015); NaN without rows."""
    found = reliability_bins(outcome, probability, bins)
    total = sum(part.count for part in found)
    if not total:
        return float("nan")
    return sum(part.count * abs(part.mean_probability - part.frequency) for part in found) / total


def _mean_ranks(values: Floats) -> npt.NDArray[np.float64]:
    """Ranks from 1, ties sharing their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])
