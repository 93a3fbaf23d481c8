"""How good the quantile paths were: against the baselines, by horizon and era, and the honesty of their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from housing.ablation import Ablation
from housing.evaluation import Evaluation, MemberScore
from housing.gate import NOMINAL_COVERAGE
from housing.metrics import Interval
from housing.report import charts, markup
from housing.report.summary import BASELINE_NAMES, period_name


def accuracy_section(evaluation: Evaluation) -> str:
    """The table of members with intervals, then the ratio by horizon and era."""
    best = evaluation.member(evaluation.candidate)
    lead = (
        f"The {escape(best.name)} forecast has {markup.number(best.ratio.value)} of the quantile loss of the seasonal naive forecast "
        f"({markup.between(best.ratio)}), measured on {best.overall.cells:,} prices that came after {len(evaluation.origins)} origins. "
        f"{_best_member(evaluation)}Lower is better; the line marks the seasonal naive forecast."
    )
    horizons = {member_name(score): [part.scaled_loss for part in score.horizons] for score in evaluation.members}
    picture = charts.curves(horizons, best.name, f"{period_name(evaluation, 2)} ahead")
    return markup.section(
        "Accuracy",
        lead,
        markup.table(*_member_table(evaluation), "members"),
        '<div class="pair">',
        markup.figure(
            picture, "Scaled quantile loss by horizon. Errors grow with the distance; the order of the methods matters more than the level."
        ),
        markup.figure(_ratios(evaluation), "Quantile loss relative to the seasonal naive forecast, by horizon and era of the origin."),
        "</div>",
        anchor="accuracy",
    )


def calibration_section(evaluation: Evaluation) -> str:
    """Coverage by horizon and era."""
    best = evaluation.member(evaluation.candidate)
    lead = (
        f"An 80% interval should hold 80% of what comes. Overall it held {markup.percent(best.overall.coverage)}; in the worst origin, "
        f"{best.worst_coverage.label}, {markup.percent(best.worst_coverage.coverage)}."
    )
    coverage = {member_name(score): [part.coverage for part in score.horizons] for score in evaluation.members}
    known = [value for values in coverage.values() for value in values if np.isfinite(value)]
    limits = (min([0.5, *known]) - 0.02, 1.0)
    picture = charts.curves(
        coverage, best.name, f"{period_name(evaluation, 2)} ahead", reference=NOMINAL_COVERAGE, percent=True, limits=limits
    )
    headers = ["<Member", *(markup.years(part.label) for part in best.eras)]
    rows = [[_name(score, evaluation), *(_coverage_cell(part.coverage) for part in score.eras)] for score in evaluation.members]
    return markup.section(
        "Honesty of the intervals",
        lead,
        '<div class="pair">',
        markup.figure(picture, "Share of actual prices inside the 80% interval, by horizon. The line is what was promised."),
        markup.figure(markup.table(headers, rows, "tinted"), "The same by era of the origin. The deeper the tint, the further from 80%."),
        "</div>",
        anchor="calibration",
    )


def ablation_section(ablation: Ablation | None) -> str:
    """What each group of features is worth: the loss without it over the loss with all, largest first; empty without any."""
    if ablation is None:
        return ""
    worth = sorted(ablation.groups.items(), key=lambda item: -item[1].value)
    low, high = axis([ratio for _, ratio in worth], 0.01)
    rows = [
        [escape(name), charts.whisker(ratio, low, high, ratio.low > 1), markup.number(ratio.value, 3), bounds(ratio, 3)]
        for name, ratio in worth
    ]
    lead = (
        f"Quantile loss of the {escape(ablation.member)} member when it is fitted without a group, relative to that with all of them, at "
        f"{len(ablation.origins)} origins that the fits had not seen, {ablation.origins[0]} to {ablation.origins[-1]}. Above 1 the group "
        "helps; bold where the whole interval says so. Groups stand in for each other, so leaving one out costs less than it explains."
    )
    headers = ["<Group", "<Loss without it", "Ratio", "90% interval"]
    return markup.section("What the features are worth", lead, markup.table(headers, rows, "narrow"), anchor="features")


def member_name(score: MemberScore) -> str:
    return BASELINE_NAMES.get(score.name, score.name)


def _name(score: MemberScore, evaluation: Evaluation) -> str:
    shown = escape(member_name(score))
    return f"<b>{shown}</b>" if score.name == evaluation.candidate else shown


def _best_member(evaluation: Evaluation) -> str:
    """How the candidate stands to the best single member, in a sentence."""
    best = next((score for score in evaluation.members if score.name != evaluation.candidate), None)
    if best is None:
        return ""
    ratio = evaluation.comparisons[best.name]
    return f"Against the best single member, {escape(member_name(best))}, it has {markup.number(ratio.value)} ({markup.between(ratio)}). "


def _member_table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    low, high = axis([score.ratio for score in evaluation.members], 0.05)
    rows = [
        [
            _name(score, evaluation) + (' <span class="note">baseline</span>' if score.baseline else ""),
            charts.whisker(score.ratio, low, high, score.name == evaluation.candidate),
            markup.number(score.ratio.value),
            bounds(score.ratio),
            markup.number(score.loss.value, 3),
            markup.number(score.overall.scaled_error, 3),
            markup.number(score.weighted_loss, 4),
            markup.percent(score.overall.coverage),
            markup.percent(float(np.expm1(score.overall.width))),
        ]
        for score in evaluation.members
    ]
    return ["<Member", "<Relative to seasonal naive", "Ratio", "90% interval", "SQL", "MASE", "WQL", "Coverage of 80%", "Width"], rows


def axis(ratios: Sequence[Interval], least: float) -> tuple[float, float]:
    """Ends of an axis on which all intervals have room, and 1 too with `least` on either side."""
    known = [value for ratio in ratios for value in (ratio.low, ratio.high, ratio.value) if np.isfinite(value)]
    return min([1 - least, *known]) - 0.4 * least, max([1 + least, *known]) + 0.4 * least


def bounds(ratio: Interval, digits: int = 2) -> str:
    if not np.isfinite(ratio.low):
        return markup.MISSING
    return f"{ratio.low:.{digits}f}&ndash;{ratio.high:.{digits}f}"


def _ratios(evaluation: Evaluation) -> str:
    """Members by horizon blocks and eras; a tint for what is better than the baseline, another for worse."""
    first = evaluation.members[0]
    headers = ["<Member", *(f"h {part.label}" for part in first.blocks), *(markup.years(part.label) for part in first.eras)]
    rows = [[_name(score, evaluation), *(_ratio_cell(part.ratio) for part in (*score.blocks, *score.eras))] for score in evaluation.members]
    return markup.table(headers, rows, "tinted")


def _ratio_cell(ratio: float) -> str:
    if not np.isfinite(ratio):
        return markup.MISSING
    tint = min(100.0, abs(ratio - 1) * 150)
    return f'<span class="{"good" if ratio < 1 else "bad"}" style="--tint:{tint:.0f}%">{ratio:.2f}</span>'


def _coverage_cell(coverage: float) -> str:
    if not np.isfinite(coverage):
        return markup.MISSING
    tint = min(100.0, abs(coverage - NOMINAL_COVERAGE) * 400)
    return f'<span class="bad" style="--tint:{tint:.0f}%">{coverage:.0%}</span>'
