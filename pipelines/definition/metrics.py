"""The numbers that SageMaker reads from the log of a training job; the one home of their names and pattern.

A job prints `NAME=VALUE;` anywhere in a line, e.g. `validation:scaled_quantile_loss=0.71;`.
"""

from __future__ import annotations

NAMES: tuple[str, ...] = (
    "validation:scaled_quantile_loss",
    "validation:coverage80",
    "train:loss",
    "train:epoch_seconds",
    "train:seconds",
    "gpu:utilization",
    "checkpoint:cpu_share",
)

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def regex(name: str) -> str:
    """The pattern whose only group is the value of the metric `name`."""
    return f"{name}={_NUMBER};"
