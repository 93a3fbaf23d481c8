"""What an evaluation states. Plain frozen records; `to_json` makes `evaluation.json`, with null for 'undefined'."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from housing.labels import DrawdownDefinition
from housing.metrics import Interval, ReliabilityBin


@dataclass(frozen=True)
class PathScore:
    """Quantile forecasts of one member on some of the scored cells.

    Attributes
    ----------
    label : which cells: "all", "1-3" (horizons), "2012" (era), "2011-07" (origin).
    cells : how many observed prices were scored.
    scaled_loss : quantile loss over the seasonal-naive scale, averaged by region and origin (SQL).
    ratio : `scaled_loss` over that of the seasonal naive on the same cells.
    scaled_error : the same for the absolute error of the median (MASE).
    coverage : share of actual prices inside the 80% interval.
    width : mean log width of that interval.
    """

    label: str
    cells: int
    scaled_loss: float
    ratio: float
    scaled_error: float
    coverage: float
    width: float


@dataclass(frozen=True)
class MemberScore:
    """One member: over all, with intervals, by horizon block, single horizon and era, and at its worst origins."""

    name: str
    baseline: bool
    overall: PathScore
    loss: Interval
    ratio: Interval
    weighted_loss: float
    blocks: tuple[PathScore, ...]
    horizons: tuple[PathScore, ...]
    eras: tuple[PathScore, ...]
    worst_loss: PathScore
    worst_coverage: PathScore


@dataclass(frozen=True)
class OnsetScore:
    """Probabilities of one method on some of the at-risk rows; NaN where a measure has no meaning."""

    label: str
    rows: int
    positives: int
    base_rate: float
    brier: float
    skill: float
    auc: float
    average_precision: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class AlarmScore:
    """Alarms at probability `level` or more: onsets foreseen, periods of warning, false alarms per region and decade."""

    level: float
    episodes: int
    caught: int
    median_lead: float
    false_alarms: int
    false_per_decade: float


@dataclass(frozen=True)
class RiskSums:
    """Probabilities of one method at one origin: the sum of their squared errors, and how many there were."""

    origin: str
    squared_error: float
    rows: int


@dataclass(frozen=True)
class MethodScore:
    """One way to state the drawdown risk. A method that only ranks has no Brier score, no reliability and no sums by origin."""

    name: str
    ranks_only: bool
    overall: OnsetScore
    skill: Interval
    eras: tuple[OnsetScore, ...]
    bins: tuple[ReliabilityBin, ...]
    alarms: AlarmScore
    by_origin: tuple[RiskSums, ...] = ()


@dataclass(frozen=True)
class OriginSums:
    """The candidate at one origin, as sums: enough to compare two models on the origins that they share."""

    origin: str
    loss: float
    regions: int
    covered: float
    cells: int


@dataclass(frozen=True)
class Evaluation:
    """All scores of a backtest.

    Attributes
    ----------
    candidate : the member that would be promoted.
    baseline : the member that ratios refer to.
    block : origins per bootstrap block: as many as overlap in their horizon.
    risk_origins : origins of the drawdown probabilities, which may be more than those of the paths.
    comparisons : member -> the candidate's scaled loss over that member's, on the same cells.
    source : name of the data, so that models of different data are not compared.
    risk_block : `block` of the drawdown probabilities.
    """

    candidate: str
    baseline: str
    frequency: str
    horizon: int
    regions: int
    origins: tuple[str, ...]
    block: int
    members: tuple[MemberScore, ...]
    definition: DrawdownDefinition
    methods: tuple[MethodScore, ...]
    risk_origins: tuple[str, ...]
    by_origin: tuple[OriginSums, ...]
    comparisons: Mapping[str, Interval]
    source: str = ""
    risk_block: int = 1

    def member(self, name: str) -> MemberScore:
        return next(score for score in self.members if score.name == name)

    def method(self, name: str) -> MethodScore | None:
        """The score of a drawdown method, None when it was not forecast."""
        return next((score for score in self.methods if score.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """JSON values only; NaN becomes null."""
        facts: dict[str, Any] = plain({"format": 1, **asdict(self)})
        return facts


def plain(value: Any) -> Any:
    """`value` with tuples as lists and numbers that are not finite as None, so that it is valid JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
