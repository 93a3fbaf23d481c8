"""The headline: four findings, each a number and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from housing.evaluation import Evaluation
from housing.evaluation.onsets import ALARM_LEVEL
from housing.forecast import Forecast
from housing.gate import Gate
from housing.panel import Panel
from housing.report import markup
from housing.report.outlook import Outlook

BASELINE_NAMES = {"naive": "seasonal naive", "drift": "drift", "momentum": "momentum"}


def headline(panel: Panel, forecast: Forecast, evaluation: Evaluation, outlooks: Sequence[Outlook], gate: Gate | None) -> str:
    """Tiles: prices, risk, accuracy, honesty; below them the gate's verdict."""
    tiles = [_prices(panel, forecast, outlooks), _risk(evaluation, outlooks), _accuracy(evaluation), _honesty(evaluation)]
    return f'<div class="tiles">{"".join(tiles)}</div>{_verdict(gate) if gate else ""}'


def _verdict(gate: Gate) -> str:
    """The decision in words, and each bar with a mark."""
    word = "May be promoted" if gate.passed else "Must not be promoted"
    against = f"held against the approved model on {gate.compared_origins} origins" if gate.compared_origins else gate.note
    bars = "".join(f'<li class="{_met(bar.passed)}">{escape(bar.text)}</li>' for bar in gate.bars)
    words = f"<strong>{word}</strong><span>{escape(against)}</span>"
    return f'<div class="verdict {_met(gate.passed)}">{words}<ul>{bars}</ul></div>'


def _met(passed: bool) -> str:
    return "met" if passed else "missed"


def _tile(value: str, sentence: str) -> str:
    return f'<div class="tile"><strong>{value}</strong><p>{sentence}</p></div>'


def _prices(panel: Panel, forecast: Forecast, outlooks: Sequence[Outlook]) -> str:
    changes = np.array([outlook.middle for outlook in outlooks])
    changes = changes[np.isfinite(changes)]
    months = len(forecast.dates) * panel.months_per_period
    if not len(changes):
        return _tile(markup.MISSING, "No region has enough history for a change on the year.")
    low, middle, high = np.quantile(changes, [0.1, 0.5, 0.9])
    return _tile(
        markup.percent(middle, 1, sign=True),
        f"expected over the next {months} months against a year before in the median region; eight in ten regions lie between "
        f"{markup.percent(low, 1, sign=True)} and {markup.percent(high, 1, sign=True)}.",
    )


def _risk(evaluation: Evaluation, outlooks: Sequence[Outlook]) -> str:
    definition = evaluation.definition
    ranked = [outlook for outlook in outlooks if outlook.covered and np.isfinite(outlook.probability)]
    fallen = sum(outlook.covered and outlook.in_drawdown(definition.threshold) for outlook in outlooks)
    already = f" {fallen} more {'is' if fallen == 1 else 'are'} in one already." if fallen else ""
    if not ranked:
        return _tile(markup.MISSING, f"No drawdown probability was given.{already}")
    alarms = sum(outlook.probability >= ALARM_LEVEL for outlook in ranked)
    return _tile(
        f"{alarms} of {len(ranked)}",
        f"regions have a probability of {ALARM_LEVEL:.0%} or more of falling {definition.threshold:.0%} below their peak within "
        f"{definition.horizon} {period_name(evaluation, definition.horizon)}; the highest is {escape(ranked[0].region)} with "
        f"{markup.percent(ranked[0].probability)}.{already}",
    )


def _accuracy(evaluation: Evaluation) -> str:
    ratio = evaluation.member(evaluation.candidate).ratio
    gain = 1 - ratio.value
    bounds = (
        f" (90% interval {markup.percent(1 - ratio.high)} to {markup.percent(1 - ratio.low)})"
        if np.isfinite(ratio.low)
        else " (too few origins for an interval)"
    )
    word = "lower" if gain >= 0 else "higher"
    return _tile(
        markup.percent(abs(gain)),
        f"{word} forecast error than the {BASELINE_NAMES[evaluation.baseline]} forecast over {len(evaluation.origins)} past "
        f"origins{bounds}.",
    )


def _honesty(evaluation: Evaluation) -> str:
    score = evaluation.member(evaluation.candidate)
    return _tile(
        markup.percent(score.overall.coverage),
        f"of {score.overall.cells:,} actual prices fell inside the 80% intervals; "
        f"{markup.percent(score.worst_coverage.coverage)} in the worst origin, {score.worst_coverage.label}.",
    )


def period_name(evaluation: Evaluation, count: int) -> str:
    name = "month" if evaluation.frequency == "M" else "quarter"
    return name if count == 1 else f"{name}s"
