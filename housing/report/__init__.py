"""The report: one self-contained HTML page for a decision maker, from the outlook down to how it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from housing.ablation import Ablation
from housing.atomic import write_atomically
from housing.evaluation import Evaluation
from housing.forecast import Forecast
from housing.gate import Gate
from housing.panel import Panel
from housing.report.accuracy import ablation_section, accuracy_section, calibration_section
from housing.report.drawdown import drawdown_section
from housing.report.method import method_section
from housing.report.outlook import build_outlooks
from housing.report.page import page
from housing.report.regions import risk_section, table_section
from housing.report.summary import headline
from housing.sources.base import SourceFacts

__all__ = ["write_report"]


def write_report(
    path: Path,
    panel: Panel,
    source_facts: SourceFacts,
    evaluation: Evaluation,
    forecast: Forecast,
    *,
    explanation: Sequence[Mapping[str, Any]] | None = None,
    ablation: Ablation | None = None,
    gate: Gate | None = None,
) -> None:
    """Write `report.html`: no script, no external request, the same input gives the same bytes.

    Parameters
    ----------
    path
        The file to write.
    panel
        The whole panel, for the histories.
    source_facts
        Vintage and licences.
    evaluation
        Scores of the backtest.
    forecast
        The forecast of the regions after the last period.
    explanation
        Per region what moves its price and its risk, see `housing.explanation.explain`; left out by default.
    ablation
        What each group of features is worth; left out by default.
    gate
        The decision on promotion; left out by default.
    """
    outlooks = build_outlooks(panel, forecast, evaluation.definition, explanation)
    dollars = source_facts.unit.startswith("US dollars")
    chapters = [
        headline(panel, forecast, evaluation, outlooks, gate),
        risk_section(panel, forecast, outlooks, dollars),
        table_section(panel, forecast, outlooks, evaluation.definition, dollars),
        accuracy_section(evaluation),
        calibration_section(evaluation),
        drawdown_section(evaluation),
        ablation_section(ablation),
        method_section(panel, source_facts, evaluation),
    ]
    subtitle = f"{escape(source_facts.title)} &middot; prices known to {forecast.origin}, forecast to {forecast.dates[-1]}"
    write_atomically(path, page("Housing outlook", subtitle, chapters))
