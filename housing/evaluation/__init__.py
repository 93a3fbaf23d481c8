"""The whole judgement of a backtest: every member and every drawdown method, beside the baselines, in one record."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from housing.backtest import Backtest
from housing.errors import DataError
from housing.evaluation.onsets import score_methods
from housing.evaluation.paths import BASELINES, compare_members, origin_sums, score_members, shared_cells
from housing.evaluation.result import Evaluation, MemberScore, MethodScore, OnsetScore, OriginSums, PathScore, plain
from housing.evaluation.risk import drawdown_backtest
from housing.evaluation.slices import overlap
from housing.labels import DrawdownDefinition
from housing.metrics import Cells
from housing.panel import Panel

__all__ = ["Evaluation", "MemberScore", "MethodScore", "OnsetScore", "OriginSums", "PathScore", "drawdown_backtest", "evaluate", "plain"]

CANDIDATE = "ensemble"


def evaluate(
    panel: Panel,
    backtest: Backtest,
    definition: DrawdownDefinition,
    scored_origins: Iterable[int] | None = None,
    *,
    risk: Backtest | None = None,
    candidate: str = CANDIDATE,
    source: str = "",
) -> Evaluation:
    """Score a backtest on the panel that holds its future.

    Parameters
    ----------
    panel
        The whole panel, with the prices that came after the origins.
    backtest
        Forecasts of the members (among them the seasonal naive) and drawdown probabilities.
    definition
        What a drawdown is.
    scored_origins
        Columns to score; the others served weights and calibration. All by default.
    risk
        Drawdown probabilities at more origins than the paths have, see `drawdown_backtest`; by default those of `backtest`.
    candidate
        The member that would be promoted.
    source
        Name of the data.

    Returns
    -------
    Evaluation. Errors: DataError when the backtest has other regions, no seasonal naive or no such candidate.
    """
    baseline = BASELINES[0]
    if backtest.regions != panel.regions:
        raise DataError("backtest regions: not those of the panel; run the backtest on this panel")
    for name in (baseline, candidate):
        if name not in backtest.values:
            raise DataError(f"backtest member {name}: missing; there are {sorted(backtest.values)}")
    scored = backtest if scored_origins is None else backtest.select_origins(scored_origins)
    block = overlap(scored.origins, scored.horizon)
    cells = shared_cells(panel, scored)
    risk = scored if risk is None else risk
    risk_block = overlap(risk.origins, definition.horizon)
    return Evaluation(
        candidate=candidate,
        baseline=baseline,
        frequency=panel.frequency,
        horizon=scored.horizon,
        regions=len(panel.regions),
        origins=tuple(str(date) for date in panel.dates[scored.origins]),
        block=block,
        members=score_members(panel, scored, cells, baseline, block),
        definition=definition,
        methods=score_methods(panel, risk, definition, candidate, risk_block),
        risk_origins=tuple(str(date) for date in panel.dates[risk.origins]),
        by_origin=_by_origin(panel, scored, cells[candidate]),
        comparisons=compare_members(cells, candidate, block),
        source=source,
        risk_block=risk_block,
    )


def _by_origin(panel: Panel, backtest: Backtest, cells: Cells) -> tuple[OriginSums, ...]:
    loss, regions = origin_sums(cells.scaled_loss)
    return tuple(
        OriginSums(
            origin=str(panel.dates[origin]),
            loss=float(loss[row]),
            regions=int(regions[row]),
            covered=float(np.nansum(cells.covered[row])),
            cells=int(np.isfinite(cells.covered[row]).sum()),
        )
        for row, origin in enumerate(backtest.origins)
    )
