"""The quality gate: may this candidate be promoted? Bars with values and limits, a code for machines, a line for people.

Uncertainty is taken over origins in blocks. A candidate may be better, or not distinguishably worse and better
calibrated; a difference that the data cannot tell from noise is no reason to replace the approved model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from housing.errors import DataError
from housing.evaluation import Evaluation, OriginSums, plain
from housing.metrics import Interval, bootstrap_ratio

NOMINAL_COVERAGE = 0.8


@dataclass(frozen=True)
class Limits:
    """Where the bars lie.

    Attributes
    ----------
    loss_ratio : candidate's scaled quantile loss over that of the best baseline, at most; above it the candidate must be
        indistinguishable from the baseline and better calibrated.
    coverage_low, coverage_high : share of actual prices inside the 80% interval.
    calibration_error : of the drawdown probabilities, at most.
    """

    loss_ratio: float = 1.0
    coverage_low: float = 0.70
    coverage_high: float = 0.90
    calibration_error: float = 0.15


@dataclass(frozen=True)
class Bar:
    """One condition; `text` states value and limit for people."""

    name: str
    value: float
    limit: float
    passed: bool
    text: str


@dataclass(frozen=True)
class Gate:
    """The decision. `code` is "passed" or the name of the first bar that was missed."""

    passed: bool
    code: str
    reason: str
    bars: tuple[Bar, ...]

    def to_json(self) -> dict[str, Any]:
        """Flat numeric keys for pipeline conditions (`passed`, then each bar by name), `reason`, `code`, and the bars."""
        values = {bar.name: bar.value for bar in self.bars}
        facts: dict[str, Any] = plain(
            {"passed": int(self.passed), "reason": self.reason, "code": self.code, **values, "bars": [asdict(bar) for bar in self.bars]}
        )
        return facts


def decide(evaluation: Evaluation, approved: Mapping[str, Any] | None = None, limits: Limits | None = None) -> Gate:
    """Judge the candidate of `evaluation` against the baselines and against the approved model.

    `approved` is the `evaluation.json` of the approved model, None when there is none. The two are compared on the
    origins that both were scored at; DataError when they share none.
    """
    limits = limits or Limits()
    bars = [_loss_bar(evaluation, limits), _coverage_bar(evaluation, limits), *_drawdown_bars(evaluation, limits)]
    if approved is not None:
        bars.append(_approved_bar(evaluation, approved))
    missed = [bar for bar in bars if not bar.passed]
    if not missed:
        return Gate(True, "passed", "all bars passed: " + "; ".join(bar.text for bar in bars), tuple(bars))
    return Gate(False, missed[0].name, "missed: " + "; ".join(bar.text for bar in missed), tuple(bars))


def _loss_bar(evaluation: Evaluation, limits: Limits) -> Bar:
    candidate = evaluation.member(evaluation.candidate)
    best = min((score for score in evaluation.members if score.baseline), key=lambda score: score.overall.scaled_loss)
    ratio = evaluation.comparisons[best.name]
    closer = abs(candidate.overall.coverage - NOMINAL_COVERAGE) < abs(best.overall.coverage - NOMINAL_COVERAGE)
    passed = ratio.value <= limits.loss_ratio or (ratio.low <= limits.loss_ratio and closer)
    text = f"quantile loss {ratio.value:.3f} of the best baseline's ({best.name}; {_bounds(ratio)}), limit {limits.loss_ratio:g}"
    return Bar("loss_ratio", ratio.value, limits.loss_ratio, passed, text)


def _coverage_bar(evaluation: Evaluation, limits: Limits) -> Bar:
    coverage = evaluation.member(evaluation.candidate).overall.coverage
    passed = limits.coverage_low <= coverage <= limits.coverage_high
    limit = limits.coverage_low if coverage < NOMINAL_COVERAGE else limits.coverage_high
    text = f"80% interval covers {coverage:.1%}, limits {limits.coverage_low:.0%}..{limits.coverage_high:.0%}"
    return Bar("coverage80", coverage, limit, passed, text)


def _drawdown_bars(evaluation: Evaluation, limits: Limits) -> list[Bar]:
    """Probabilities must not be distinguishably worse than climatology, and calibrated; without any, no bar."""
    score = evaluation.method(evaluation.candidate)
    if score is None or not score.overall.rows:
        return []
    skill, upper = score.skill.value, score.skill.high if np.isfinite(score.skill.high) else score.skill.value
    distinguishably_worse = upper < 0
    error = score.overall.calibration_error
    return [
        Bar("brier_skill", skill, 0.0, not distinguishably_worse, f"drawdown skill {skill:.3f} against climatology (upper {upper:.3f})"),
        Bar(
            "calibration_error",
            error,
            limits.calibration_error,
            error <= limits.calibration_error,
            f"drawdown calibration error {error:.3f}, limit {limits.calibration_error:g}",
        ),
    ]


def _approved_bar(evaluation: Evaluation, approved: Mapping[str, Any]) -> Bar:
    pairs = _shared_origins(evaluation.by_origin, approved)
    block = max(1, min(evaluation.block, len(pairs)))
    ratio = compare([new for new, _ in pairs], [old for _, old in pairs], block)
    closer = _miscoverage([new for new, _ in pairs]) < _miscoverage([old for _, old in pairs])
    same = bool(np.isfinite(ratio.low) and ratio.low <= 1 <= ratio.high)
    passed = ratio.value <= 1 or (same and closer)
    calibration = "closer to nominal coverage" if closer else "not closer to nominal coverage"
    text = f"quantile loss {ratio.value:.3f} of the approved model's on {len(pairs)} shared origins ({_bounds(ratio)}), {calibration}"
    return Bar("approved_loss_ratio", ratio.value, 1.0, passed, text)


def compare(new: Sequence[OriginSums], old: Sequence[OriginSums], block: int) -> Interval:
    """Ratio of the mean scaled losses of two models at the same origins, with its block-bootstrap interval."""
    return bootstrap_ratio(
        np.array([sums.loss / max(sums.regions, 1) for sums in new]),
        np.array([sums.loss / max(sums.regions, 1) for sums in old]),
        block,
    )


def _bounds(ratio: Interval) -> str:
    return f"90% interval {ratio.low:.3f}..{ratio.high:.3f}" if np.isfinite(ratio.low) else "too few origins for an interval"


def _miscoverage(sums: Sequence[OriginSums]) -> float:
    cells = sum(part.cells for part in sums)
    return abs(sum(part.covered for part in sums) / cells - NOMINAL_COVERAGE) if cells else float("inf")


def _shared_origins(new: Sequence[OriginSums], approved: Mapping[str, Any]) -> list[tuple[OriginSums, OriginSums]]:
    try:
        old = {facts["origin"]: OriginSums(**facts) for facts in approved["by_origin"]}
    except (KeyError, TypeError) as error:
        raise DataError(f"approved evaluation: {error}; evaluate the approved model again") from error
    pairs = [(sums, old[sums.origin]) for sums in new if sums.origin in old and sums.regions and old[sums.origin].regions]
    if not pairs:
        raise DataError("approved evaluation: scored at none of the candidate's origins; evaluate the approved model on this panel")
    return pairs
