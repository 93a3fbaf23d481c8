"""How good the drawdown probabilities were: against climatology and the plain rule, calibrated, by era and by episode."""

from __future__ import annotations

from html import escape

import numpy as np

from housing.evaluation import Evaluation, MethodScore
from housing.evaluation.onsets import CLIMATOLOGY
from housing.report import charts, markup
from housing.report.summary import period_name

NAMES = {"climatology": "climatology (past rate)", "rule": "drawdown rule (depth alone)", "logistic": "logistic regression"}

METHOD_HEADERS = (
    "<Method",
    "Brier skill",
    "90% interval",
    "Brier",
    "AUC",
    "AP",
    "Calibration error",
    "Onsets foreseen",
    "Median lead",
    "False alarms per decade",
)

RELIABILITY_CAPTION = (
    "Reliability: what was promised against what came. On the diagonal the probabilities are honest; dots grow with the rows."
)
ERA_CAPTION = "Brier skill against climatology by era of the origin; the rule only ranks and is shown by its AUC. A dash: undefined."


def drawdown_section(evaluation: Evaluation) -> str:
    """Empty when no probability was given."""
    score = evaluation.method(evaluation.candidate)
    if score is None:
        return ""
    ordered = sorted(evaluation.methods, key=lambda item: (item.ranks_only, -np.nan_to_num(item.skill.value, nan=-9)))
    return markup.section(
        "Skill of the drawdown probabilities",
        _lead(score),
        markup.table(METHOD_HEADERS, [_method_row(item, item.name == evaluation.candidate) for item in ordered], "methods"),
        '<div class="pair">',
        markup.figure(charts.reliability(score.bins), RELIABILITY_CAPTION),
        markup.figure(_era_table(evaluation) + f"<p>{_episodes(evaluation, score)}</p>", ERA_CAPTION),
        "</div>",
        anchor="skill",
    )


def _lead(score: MethodScore) -> str:
    overall, skill = score.overall, score.skill
    if not overall.rows:
        return "No row could be scored: no region was at risk with an observed future at the scored origins."
    bounds = f" ({markup.between(skill)})" if overall.positives else ""
    return (
        f"{overall.rows:,} rows at risk (one region at one origin), {overall.positives} of them before an onset "
        f"({markup.percent(overall.base_rate, 1)}). Brier skill against climatology {markup.number(skill.value)}{bounds}, "
        f"AUC {markup.number(overall.auc)}, calibration error {markup.number(overall.calibration_error, 3)}. "
        "Onsets cluster in a few episodes, so the true uncertainty is larger than any interval here."
    )


def _method_row(score: MethodScore, strong: bool) -> list[str]:
    overall, alarms, skill = score.overall, score.alarms, score.skill
    ranks = score.name != CLIMATOLOGY
    bounded = ranks and np.isfinite(skill.low)
    return [
        _name(score, strong),
        markup.number(skill.value),
        f"{markup.number(skill.low)} to {markup.number(skill.high)}" if bounded else markup.MISSING,
        markup.number(overall.brier, 4),
        markup.number(overall.auc) if ranks else markup.MISSING,
        markup.number(overall.average_precision) if ranks else markup.MISSING,
        markup.number(overall.calibration_error, 3),
        f"{alarms.caught} of {alarms.episodes}",
        markup.number(alarms.median_lead, 0),
        markup.number(alarms.false_per_decade, 2),
    ]


def _era_table(evaluation: Evaluation) -> str:
    first = evaluation.methods[0]
    headers = ["<Method", *(markup.years(part.label) for part in first.eras)]
    rows = [["<span class='note'>before onset / at risk</span>", *(f"{part.positives}/{part.rows}" for part in first.eras)]]
    for score in evaluation.methods:
        if score.name != CLIMATOLOGY:
            cells = [_auc_cell(part.auc) if score.ranks_only else _skill_cell(part.skill) for part in score.eras]
            rows.append([_name(score, score.name == evaluation.candidate), *cells])
    return markup.table(headers, rows, "tinted")


def _episodes(evaluation: Evaluation, score: MethodScore) -> str:
    alarms, horizon = score.alarms, evaluation.definition.horizon
    lead = f", at the median {alarms.median_lead:.0f} {period_name(evaluation, 2)} before the onset" if alarms.caught else ""
    return (
        f"By episode: {alarms.caught} of {alarms.episodes} regional onsets had an alarm (a probability of {alarms.level:.0%} or more) "
        f"within the {horizon} {period_name(evaluation, horizon)} before{lead}. False alarms, runs of alarms that no onset followed: "
        f"{alarms.false_alarms}, or {markup.number(alarms.false_per_decade, 2)} per region and decade at risk. "
        f"The rule is granted as many alarms as the {escape(score.name)}."
    )


def _name(score: MethodScore, strong: bool) -> str:
    shown = escape(NAMES.get(score.name, score.name))
    return f"<b>{shown}</b>" if strong else shown


def _skill_cell(skill: float) -> str:
    if not np.isfinite(skill):
        return markup.MISSING
    tint = min(100.0, abs(skill) * 150)
    return f'<span class="{"good" if skill > 0 else "bad"}" style="--tint:{tint:.0f}%">{markup.number(skill)}</span>'


def _auc_cell(value: float) -> str:
    return f'<span class="note">AUC {value:.2f}</span>' if np.isfinite(value) else markup.MISSING
