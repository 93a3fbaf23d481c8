"""The quality gate: may this candidate be promoted? Bars with values and limits, a code for machines, a line for people.

Uncertainty is taken over origins in blocks. A candidate may be better, or not distinguishably worse and better
calibrated; a difference that the data cannot tell from noise is no reason to replace the approved model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from housing.errors import DataError
from housing.evaluation import Evaluation, OriginSums, plain
from housing.metrics import Interval, ReliabilityBin, bootstrap_ratio

NOMINAL_COVERAGE = 0.8

Pairs: TypeAlias = list[tuple[OriginSums, OriginSums]]


@dataclass(frozen=True)
class Limits:
    """Where the bars lie.

    Attributes
    ----------
    loss_ratio : candidate's scaled quantile loss over that of the best baseline, at most; above it the candidate must be
        indistinguishable from the baseline and better calibrated.
    coverage_low, coverage_high : share of actual prices inside the 80% interval.
    calibration_error : of the drawdown probabilities beyond what chance explains, at most.
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
    """The decision. `code` is "passed" or the name of the first bar that was missed; `reason` is one line for people.

    `compared_origins` counts the origins on which the approved model was met, 0 when there was none that could be; then
    `note` says why.
    """

    passed: bool
    code: str
    reason: str
    bars: tuple[Bar, ...]
    compared_origins: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Flat numeric keys for pipeline conditions (`passed`, then each bar by name), `reason`, `code`, and the bars."""
        values = {bar.name: bar.value for bar in self.bars}
        decision = {"passed": int(self.passed), "reason": self.reason, "code": self.code, "compared_origins": self.compared_origins}
        facts: dict[str, Any] = plain({**decision, **values, "bars": [asdict(bar) for bar in self.bars]})
        return facts


def decide(evaluation: Evaluation, approved: Mapping[str, Any] | None = None, limits: Limits | None = None) -> Gate:
    """Judge the candidate of `evaluation` against the baselines and against the approved model.

    `approved` is the `evaluation.json` of the approved model, None when there is none. The two are compared on the
    origins that both were scored at; models of other data, frequency or horizon, or without a shared origin, can't be, and
    the reason says so. DataError when `approved` is no evaluation.
    """
    limits = limits or Limits()
    bars = [_loss_bar(evaluation, limits), _coverage_bar(evaluation, limits), *_drawdown_bars(evaluation, limits)]
    pairs, note = _shared_origins(evaluation, approved)
    if pairs and approved is not None:
        bars += [_approved_bar(evaluation, pairs), *_approved_risk_bars(evaluation, approved)]
    missed = [bar for bar in bars if not bar.passed]
    words = [bar.text for bar in missed or bars] + [note] * bool(note)
    reason = ("missed: " if missed else "all bars passed: ") + "; ".join(words)
    return Gate(not missed, missed[0].name if missed else "passed", reason, tuple(bars), len(pairs), note)


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
    error, chance = score.overall.calibration_error, calibration_noise(score.bins, evaluation.risk_block)
    return [
        Bar("brier_skill", skill, 0.0, not distinguishably_worse, f"drawdown skill {skill:.3f} against climatology (upper {upper:.3f})"),
        Bar(
            "calibration_error",
            error,
            limits.calibration_error,
            error - chance <= limits.calibration_error,
            f"drawdown calibration error {error:.3f} ({chance:.3f} by chance), limit {limits.calibration_error:g}",
        ),
    ]


def calibration_noise(bins: Sequence[ReliabilityBin], block: int) -> float:
    """The calibration error that honest probabilities are expected to show: mean |frequency - probability| of binomial bins.

    `block` neighbouring origins share their outcomes and count as one. A bin is taken as normal: mean |x| = sqrt(2 / pi) deviations.
    """
    total = sum(part.count for part in bins)
    variances = [part.mean_probability * (1 - part.mean_probability) * block / part.count for part in bins]
    shares = [part.count / total for part in bins]
    return float(np.sqrt(2 / np.pi) * sum(share * np.sqrt(variance) for share, variance in zip(shares, variances, strict=True)))


def _approved_bar(evaluation: Evaluation, pairs: Pairs) -> Bar:
    block = max(1, min(evaluation.block, len(pairs)))
    ratio = compare([new for new, _ in pairs], [old for _, old in pairs], block)
    closer = _miscoverage([new for new, _ in pairs]) < _miscoverage([old for _, old in pairs])
    same = bool(np.isfinite(ratio.low) and ratio.low <= 1 <= ratio.high)
    passed = ratio.value <= 1 or (same and closer)
    calibration = "closer to nominal coverage" if closer else "not closer to nominal coverage"
    text = f"quantile loss {ratio.value:.3f} of the approved model's on {len(pairs)} shared origins ({_bounds(ratio)}), {calibration}"
    return Bar("approved_loss_ratio", ratio.value, 1.0, passed, text)


def _approved_risk_bars(evaluation: Evaluation, approved: Mapping[str, Any]) -> list[Bar]:
    """Drawdown probabilities must not be distinguishably worse than the approved model's; no bar where the event or the origins differ."""
    score = evaluation.method(evaluation.candidate)
    if score is None or approved["definition"] != plain(evaluation.definition.to_json()):
        return []
    old = {
        facts["origin"]: facts for method in approved["methods"] if method["name"] == score.name for facts in method.get("by_origin", ())
    }
    shared = [sums for sums in score.by_origin if sums.origin in old]
    ratio = bootstrap_ratio(
        np.array([sums.squared_error / sums.rows for sums in shared]),
        np.array([old[sums.origin]["squared_error"] / old[sums.origin]["rows"] for sums in shared]),
        evaluation.risk_block,
    )
    if not np.isfinite(ratio.value):
        return []
    passed = ratio.value <= 1 or ratio.low <= 1
    text = f"drawdown Brier score {ratio.value:.3f} of the approved model's on {len(shared)} shared origins ({_bounds(ratio)})"
    return [Bar("approved_brier_ratio", ratio.value, 1.0, passed, text)]


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


def _shared_origins(evaluation: Evaluation, approved: Mapping[str, Any] | None) -> tuple[Pairs, str]:
    """Sums of candidate and approved model at each origin that both were scored at, and why there are none."""
    if approved is None:
        return [], "no model is approved yet"
    try:
        old = {facts["origin"]: OriginSums(**facts) for facts in approved["by_origin"]}
        differing = [name for name in ("source", "frequency", "horizon") if approved[name] != getattr(evaluation, name)]
    except (KeyError, TypeError) as error:
        raise DataError(f"approved evaluation: {error}; evaluate the approved model again") from error
    if differing:
        return [], f"not compared with the approved model: it has another {' and '.join(differing)}"
    pairs = [(sums, old[sums.origin]) for sums in evaluation.by_origin if sums.origin in old and sums.regions and old[sums.origin].regions]
    return pairs, "" if pairs else "not compared with the approved model: they share no origin"
