"""The small print that makes the numbers mean something: definition, measurement, data."""

from __future__ import annotations

from html import escape

from housing.evaluation import Evaluation
from housing.labels import DrawdownDefinition
from housing.panel import Panel
from housing.report import markup
from housing.report.summary import period_name
from housing.sources.base import SourceFacts


def method_section(panel: Panel, facts: SourceFacts, evaluation: Evaluation) -> str:
    """Three columns: what a drawdown is, how it was measured, where the data comes from."""
    columns = [
        ("What a drawdown is", _definition(evaluation)),
        ("How it was measured", _measurement(panel, evaluation)),
        ("Data, vintage and licences", _data(panel, facts)),
    ]
    body = "".join(f"<div><h3>{title}</h3><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul></div>" for title, lines in columns)
    lead = "What the words mean and where the numbers come from."
    return markup.section("Reading this report", lead, f'<div class="columns">{body}</div>', anchor="method")


def definition_sentence(definition: DrawdownDefinition, evaluation: Evaluation) -> str:
    """The event in one sentence."""
    smooth = "" if definition.smoothing == 1 else f"mean of {definition.smoothing} {period_name(evaluation, definition.smoothing)} of the "
    deflated = f", deflated by {escape(definition.deflator)}," if definition.deflator else ""
    return (
        f"A drawdown begins when the {smooth}price{deflated} falls {definition.threshold:.0%} or more below its peak of the last "
        f"{definition.peak_window} {period_name(evaluation, definition.peak_window)}."
    )


def _definition(evaluation: Evaluation) -> list[str]:
    definition = evaluation.definition
    horizon = f"{definition.horizon} {period_name(evaluation, definition.horizon)}"
    who = "all regions" if definition.regions is None else f"the {len(definition.regions)} regions whose markets are large"
    small = "" if definition.regions is None else " Elsewhere a few sales move the price, and the probability is indicative."
    return [
        definition_sentence(definition, evaluation),
        f"The probability is that of such a beginning within {horizon}, for regions that are not in a drawdown now.",
        f"It is stated and scored for {who}.{small} It is a price event, not a forecast of a financial crisis.",
        "Gaps are carried forward for at most half a year, means and peaks look back only, and an unobserved future is not scored.",
    ]


def _measurement(panel: Panel, evaluation: Evaluation) -> list[str]:
    late = ", ".join(f"{escape(name)} {lag}" for name, lag in panel.lags.items() if lag)
    lags = f"covariates are hidden until published (periods after the price: {late})" if late else "all covariates are out with the price"
    horizon = f"{evaluation.horizon} {period_name(evaluation, evaluation.horizon)}"
    return [
        f"Rolling origins: {len(evaluation.origins)} of them, {evaluation.origins[0]} to {evaluation.origins[-1]}. "
        f"At each, every method sees only what was known then; {lags}.",
        *_risk_origins(evaluation),
        f"Purge: a past outcome teaches only once its whole horizon of {horizon} lies before the origin; weights and calibration too.",
        "SQL, scaled quantile loss: mean of twice the pinball loss at levels 0.1 to 0.9, over the in-sample error of last year's price. "
        "MASE: the same for the median. WQL: quantile loss over the sum of prices. "
        "Width: upper over lower end of the 80% interval, minus 1.",
        f"Intervals: 90%, from a bootstrap over blocks of {evaluation.block} neighbouring origins, all regions together. "
        "AUC: how often a region before an onset ranked above one that was not. AP: average precision.",
    ]


def _risk_origins(evaluation: Evaluation) -> list[str]:
    origins = evaluation.risk_origins
    if not evaluation.methods or not origins or origins == evaluation.origins:
        return []
    return [f"Drawdown probabilities: {len(origins)} origins, {origins[0]} to {origins[-1]}, fitted anew at each."]


def _data(panel: Panel, facts: SourceFacts) -> list[str]:
    periods = f"{len(panel.dates)} {'months' if panel.frequency == 'M' else 'quarters'}"
    lines = [
        f"{escape(facts.title)}. {len(panel.regions)} regions, {periods} to {panel.dates[-1]}. Unit: {escape(facts.unit)}.",
        f"Vintage: {escape(facts.vintage)}.",
        f"Source: {escape(facts.attribution)}.",
        f"Licence: {escape(facts.licence)}.",
    ]
    if facts.sha256:
        lines.append(f"Data file sha256 <code>{escape(facts.sha256[:16])}</code>.")
    return lines
