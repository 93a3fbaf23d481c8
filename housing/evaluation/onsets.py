"""Scores of the drawdown probabilities, beside climatology and the plain drawdown rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from housing.backtest import Backtest
from housing.evaluation.result import AlarmScore, MethodScore, OnsetScore, RiskSums
from housing.evaluation.slices import Mask, eras
from housing.labels import DrawdownDefinition, drawdown_depth, onset_labels
from housing.metrics import (
    auc,
    average_precision,
    bootstrap_ratio,
    brier_score,
    brier_skill,
    calibration_error,
    log_loss,
    record_alarms,
    reliability_bins,
)
from housing.panel import Floats, Months, Panel
from housing.splits import matured

CLIMATOLOGY = "climatology"
RULE = "rule"
"""The depth itself: it ranks regions and states no probability."""

ALARM_LEVEL = 0.25
"""A probability of this much or more counts as an alarm."""


def climatology(labels: Floats, origins: list[int], horizon: int) -> Floats:
    """The rate of onsets among all rows whose outcome was known at each origin, (N, T) -> (O,); NaN before the first."""
    rates = []
    for origin in origins:
        known = labels[:, : len(matured(range(labels.shape[1]), origin, horizon))]
        rates.append(float(np.nanmean(known)) if np.isfinite(known).any() else float("nan"))
    return np.array(rates)


def score_methods(panel: Panel, backtest: Backtest, definition: DrawdownDefinition, candidate: str, block: int) -> tuple[MethodScore, ...]:
    """All methods of the backtest with the rule and climatology, on the rows that all of them state; empty without any."""
    if not backtest.drawdown or not len(backtest.origins):
        return ()
    every = onset_labels(panel, definition)
    depth = drawdown_depth(panel, definition)
    labels = every[:, backtest.origins].T
    rates = climatology(every, backtest.origins.tolist(), definition.horizon)
    reference = np.broadcast_to(rates[:, None], labels.shape)
    stated = {CLIMATOLOGY: reference, RULE: -depth[:, backtest.origins].T} | dict(backtest.drawdown)
    shared = np.isfinite(labels) & np.logical_and.reduce([np.isfinite(values) for values in stated.values()])
    rows = _Rows(
        origins=backtest.origins.tolist(),
        dates=panel.dates[backtest.origins],
        season=panel.season,
        definition=definition,
        labels=np.where(shared, labels, np.nan),
        depth=depth,
        reference=stated[CLIMATOLOGY],
        block=block,
    )
    alarm_share = _alarm_share(stated, candidate, shared)
    return tuple(rows.score(name, values, name == RULE, alarm_share) for name, values in stated.items())


def _alarm_share(stated: Mapping[str, Floats], candidate: str, shared: Mask) -> float:
    """Share of rows on which the candidate raises an alarm: what a method that only ranks is granted as well."""
    values = stated.get(candidate, stated[CLIMATOLOGY])[shared]
    return float((values >= ALARM_LEVEL).mean()) if values.size else 0.0


@dataclass(frozen=True)
class _Rows:
    """The rows that every method is scored on: labels and climatology (O, N), depth (N, T)."""

    origins: list[int]
    dates: Months
    season: int
    definition: DrawdownDefinition
    labels: Floats
    depth: Floats
    reference: Floats
    block: int

    def score(self, name: str, values: Floats, ranks_only: bool, alarm_share: float) -> MethodScore:
        level = self._level(values, alarm_share) if ranks_only else ALARM_LEVEL
        base = (self.reference - self.labels) ** 2
        gained = np.nansum(base - (values - self.labels) ** 2, axis=1)
        skill = bootstrap_ratio(gained, np.nansum(base, axis=1), self.block)
        undefined = bootstrap_ratio(np.array([]), np.array([]), 1)
        return MethodScore(
            name=name,
            ranks_only=ranks_only,
            overall=self._onset("all", values, ranks_only),
            skill=undefined if ranks_only else skill,
            eras=tuple(self._onset(label, np.where(mask[:, None], values, np.nan), ranks_only) for label, mask in eras(self.dates)),
            bins=() if ranks_only else tuple(reliability_bins(self.labels, values)),
            alarms=self._alarms(values, level),
            by_origin=() if ranks_only else self._sums(values),
        )

    def _sums(self, values: Floats) -> tuple[RiskSums, ...]:
        error = (values - self.labels) ** 2
        rows = np.isfinite(error).sum(axis=1)
        return tuple(
            RiskSums(str(date), float(total), int(count))
            for date, total, count in zip(self.dates, np.nansum(error, axis=1), rows, strict=True)
            if count
        )

    def _onset(self, label: str, values: Floats, ranks_only: bool) -> OnsetScore:
        rows = np.isfinite(values) & np.isfinite(self.labels)
        count, positives = int(rows.sum()), int((self.labels[rows] == 1).sum())
        nan = float("nan")
        return OnsetScore(
            label=label,
            rows=count,
            positives=positives,
            base_rate=positives / count if count else nan,
            brier=nan if ranks_only else brier_score(self.labels, values),
            skill=nan if ranks_only else brier_skill(self.labels, values, self.reference),
            auc=auc(self.labels, values),
            average_precision=average_precision(self.labels, values),
            log_loss=nan if ranks_only else log_loss(self.labels, values),
            calibration_error=nan if ranks_only else calibration_error(self.labels, values),
        )

    def _alarms(self, values: Floats, level: float) -> AlarmScore:
        record = record_alarms(
            values,
            self.labels,
            self.depth,
            self.origins,
            threshold=self.definition.threshold,
            horizon=self.definition.horizon,
            level=level,
        )
        return AlarmScore(
            level=level,
            episodes=len(record.episodes),
            caught=record.caught,
            median_lead=record.median_lead,
            false_alarms=record.false_alarms,
            false_per_decade=record.per_decade(self.season),
        )

    def _level(self, values: Floats, share: float) -> float:
        """The score that `share` of the rows reach."""
        known = values[np.isfinite(values) & np.isfinite(self.labels)]
        return float(np.quantile(known, 1 - share)) if known.size and share > 0 else float("inf")
