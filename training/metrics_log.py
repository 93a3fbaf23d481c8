"""Metric lines: `NAME=VALUE;` in the log of a training job, which SageMaker's metric definitions read."""

from __future__ import annotations

SCALED_QUANTILE_LOSS = "validation:scaled_quantile_loss"
COVERAGE80 = "validation:coverage80"
FIT_SECONDS = "train:seconds"


def metric_line(name: str, value: float) -> str:
    """`NAME=VALUE;` with 6 significant digits."""
    return f"{name}={value:.6g};"
