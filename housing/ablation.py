"""What each group of features is worth: the linear member is fitted without it and judged on origins that it has not seen.

The linear member, because it is deterministic on given rows: two fits of trees differ by more than most groups are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from housing.backtest import first_origin
from housing.evaluation import plain
from housing.evaluation.paths import origin_sums
from housing.evaluation.slices import overlap
from housing.features import build_features
from housing.features.block import FROM_PRICE
from housing.forecast import QUANTILES
from housing.members import make_member
from housing.metrics import Interval, bootstrap_ratio, score_cells
from housing.panel import Floats, Panel

MEMBER = "linear"
SETTINGS = {"rows": 10_000}
"""Fewer than the member itself: what counts is the difference between two models of one size."""

FIT_YEARS = 3
"""The model is fitted once a year, this many years before the first scored origin and after, and judged every quarter."""

MOST_REGIONS = 300
COVARIATES = "all covariates"
"""The group of all that is not made of prices: what they are worth together is more than the sum where they stand in for each other."""


@dataclass(frozen=True)
class Ablation:
    """Group of features -> scaled quantile loss of `member` without it over loss with all, measured at `origins`."""

    member: str
    origins: tuple[str, ...]
    groups: dict[str, Interval]

    def to_json(self) -> dict[str, Any]:
        facts: dict[str, Any] = plain(asdict(self))
        return facts


def ablate(panel: Panel, horizon: int, before: int) -> Ablation | None:
    """Leave out each group in turn, out of sample, around the years before the column `before`.

    Groups are those of the panel's features, so each covariate is one. None where the history is too short for a fit.
    Work: 3 small fits and 12 predictions per group, whatever the size of the panel: at most 300 regions, evenly chosen, take part.
    """
    panel = _thinned(panel)
    fits = [before - years * panel.season for years in range(FIT_YEARS, 0, -1)]
    fits = [origin for origin in fits if origin >= first_origin(panel, horizon)]
    if not fits:
        return None
    quarter = panel.season // 4
    origins = [origin + quarter * k for origin in fits for k in range(4) if origin + quarter * k + horizon < len(panel.dates)]
    whole = _losses(panel, horizon, fits, origins, ())
    block = overlap(np.array(origins), horizon)
    worth = {
        name: bootstrap_ratio(_losses(panel, horizon, fits, origins, left_out), whole, block) for name, left_out in _left_out(panel).items()
    }
    return Ablation(MEMBER, tuple(str(panel.dates[origin]) for origin in origins), worth)


def _left_out(panel: Panel) -> dict[str, tuple[str, ...]]:
    """Name -> the groups that are left out together."""
    groups = sorted(set(build_features(panel, slice(-1, None)).groups))
    covariates = tuple(group for group in groups if group not in FROM_PRICE)
    single: dict[str, tuple[str, ...]] = {group: (group,) for group in groups}
    return single | {COVARIATES: covariates} if len(covariates) > 1 else single


def _losses(panel: Panel, horizon: int, fits: Sequence[int], origins: Sequence[int], without: Sequence[str]) -> Floats:
    """Scaled quantile loss at each origin, (O,), of the model of the latest fit that left out some groups."""
    values = []
    models = {fit: make_member(MEMBER, without=without, **SETTINGS).fit(panel.until(fit), horizon) for fit in fits}
    for origin in origins:
        model = models[max(fit for fit in fits if fit <= origin)]
        values.append(model.predict(panel.until(origin), horizon))
    cells = score_cells(panel.price, origins, np.stack(values), QUANTILES, panel.season)
    loss, regions = origin_sums(cells.scaled_loss)
    return np.where(regions > 0, loss / np.maximum(regions, 1), np.nan)


def _thinned(panel: Panel) -> Panel:
    if len(panel.regions) <= MOST_REGIONS:
        return panel
    rows = np.linspace(0, len(panel.regions) - 1, MOST_REGIONS).astype(int)
    return panel.select([panel.regions[row] for row in rows])
