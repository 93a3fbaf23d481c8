"""Metric lines: `NAME=VALUE;` in the log of a training job, which SageMaker's metric definitions read."""

from __future__ import annotations

TRAIN_LOSS = "train:loss"
EPOCH_SECONDS = "train:epoch_seconds"
SCALED_QUANTILE_LOSS = "validation:scaled_quantile_loss"
COVERAGE80 = "validation:coverage80"
FIT_SECONDS = "train:seconds"
CHECKPOINT_SHARE = "checkpoint:cpu_share"
GPU_UTILIZATION = "gpu:utilization"


def metric_line(name: str, value: float) -> str:
    """`NAME=VALUE;` with 6 significant digits."""
    return f"{name}={value:.6g};"
