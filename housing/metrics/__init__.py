"""Scores of quantile forecasts and of event probabilities, with their uncertainty. numpy only."""

from housing.metrics.bootstrap import Interval, block_indices, bootstrap_ratio
from housing.metrics.episodes import Alarms, onsets, record_alarms
from housing.metrics.probabilities import (
    ReliabilityBin,
    auc,
    average_precision,
    brier_score,
    brier_skill,
    calibration_error,
    known_rows,
    log_loss,
    reliability_bins,
)
from housing.metrics.quantiles import (
    Cells,
    pinball_loss,
    region_origin_mean,
    score_cells,
    seasonal_naive_scale,
    weighted_quantile_loss,
)

__all__ = [
    "Alarms",
    "Cells",
    "Interval",
    "ReliabilityBin",
    "auc",
    "average_precision",
    "block_indices",
    "bootstrap_ratio",
    "brier_score",
    "brier_skill",
    "calibration_error",
    "known_rows",
    "log_loss",
    "onsets",
    "pinball_loss",
    "record_alarms",
    "region_origin_mean",
    "reliability_bins",
    "score_cells",
    "seasonal_naive_scale",
    "weighted_quantile_loss",
]
