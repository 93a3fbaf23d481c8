"""Scores of the quantile paths: every member on the cells that all members forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from housing.backtest import Backtest
from housing.evaluation.result import MemberScore, PathScore
from housing.evaluation.slices import Mask, eras, horizon_blocks
from housing.forecast import QUANTILES
from housing.metrics import Cells, Interval, bootstrap_ratio, region_origin_mean, score_cells, weighted_quantile_loss
from housing.panel import Floats, Months, Panel

BASELINES = ("naive", "drift", "momentum")
"""Members that use no learning. The first is the seasonal naive, to which all ratios refer."""


@dataclass(frozen=True)
class Slices:
    """What a member is scored on apart from everything: origins' dates, eras, horizon blocks, and the bootstrap block."""

    dates: Months
    eras: tuple[tuple[str, Mask], ...]
    blocks: tuple[tuple[str, Mask], ...]
    block: int


def shared_cells(panel: Panel, backtest: Backtest) -> dict[str, Cells]:
    """Scored cells per member, NaN wherever any member has no score: all are judged on the same prices."""
    scored = {name: score_cells(panel.price, backtest.origins, values, QUANTILES, panel.season) for name, values in backtest.values.items()}
    shared = np.logical_and.reduce([np.isfinite(cells.scaled_loss) for cells in scored.values()])
    return {name: masked(cells, shared) for name, cells in scored.items()}


def masked(cells: Cells, mask: Mask) -> Cells:
    """The cells where `mask`, which broadcasts to (O, N, H), is true."""
    return replace(cells, **{item.name: np.where(mask, getattr(cells, item.name), np.nan) for item in fields(cells)})


def score_members(panel: Panel, backtest: Backtest, cells: dict[str, Cells], baseline: str, block: int) -> tuple[MemberScore, ...]:
    """All members, best first, baselines included."""
    dates = panel.dates[backtest.origins]
    slices = Slices(dates, tuple(eras(dates)), tuple(horizon_blocks(backtest.horizon, panel.season)), block)
    scores = [_score_member(name, own, cells[baseline], slices) for name, own in cells.items()]
    return tuple(sorted(scores, key=lambda score: score.overall.scaled_loss))


def compare_members(cells: dict[str, Cells], candidate: str, block: int) -> dict[str, Interval]:
    """The candidate's scaled loss over that of each other member, with its bootstrap interval over origins."""
    losses = {name: origin_sums(own.scaled_loss)[0] for name, own in cells.items()}
    return {name: bootstrap_ratio(losses[candidate], loss, block) for name, loss in losses.items() if name != candidate}


def origin_sums(values: Floats) -> tuple[Floats, Floats]:
    """Sum over regions of the mean over horizons, and the number of regions, per origin: (O, N, H) -> (O,), (O,)."""
    by_region = region_origin_mean(values)
    return np.nansum(by_region, axis=1), np.isfinite(by_region).sum(1).astype(np.float64)


def path_score(label: str, cells: Cells, reference: Cells) -> PathScore:
    """One row of a table; NaN when no cell was scored."""
    loss = _mean(region_origin_mean(cells.scaled_loss))
    base = _mean(region_origin_mean(reference.scaled_loss))
    return PathScore(
        label=label,
        cells=int(np.isfinite(cells.scaled_loss).sum()),
        scaled_loss=loss,
        ratio=loss / base if base > 0 else float("nan"),
        scaled_error=_mean(region_origin_mean(cells.scaled_error)),
        coverage=_mean(cells.covered),
        width=_mean(cells.width),
    )


def _score_member(name: str, own: Cells, base: Cells, slices: Slices) -> MemberScore:
    def part(label: str, mask: Mask) -> PathScore:
        return path_score(label, masked(own, mask), masked(base, mask))

    dates, horizon = slices.dates, own.actual.shape[2]
    each_origin = [part(str(date), _only(index, len(dates))[:, None, None]) for index, date in enumerate(dates)]
    each_origin = [score for score in each_origin if score.cells] or each_origin
    loss, regions = origin_sums(own.scaled_loss)
    return MemberScore(
        name=name,
        baseline=name in BASELINES,
        overall=path_score("all", own, base),
        loss=bootstrap_ratio(loss, regions, slices.block),
        ratio=bootstrap_ratio(loss, origin_sums(base.scaled_loss)[0], slices.block),
        weighted_loss=weighted_quantile_loss(own),
        blocks=tuple(part(label, mask) for label, mask in slices.blocks),
        horizons=tuple(part(str(step + 1), _only(step, horizon)) for step in range(horizon)),
        eras=tuple(part(label, mask[:, None, None]) for label, mask in slices.eras),
        worst_loss=max(each_origin, key=lambda score: score.scaled_loss),
        worst_coverage=min(each_origin, key=lambda score: score.coverage),
    )


def _only(index: int, count: int) -> Mask:
    return np.asarray(np.arange(count) == index)


def _mean(values: Floats | Sequence[float]) -> float:
    known = np.asarray(values)[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
