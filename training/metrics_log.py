"""Metric lines: what a job prints and what SageMaker's metric definitions read. The one home of both.

A line is `name=value;`. CloudWatch takes the first group of the regular expression as the value.
"""

from __future__ import annotations

import re

SCALED_QUANTILE_LOSS = "validation:scaled_quantile_loss"
COVERAGE80 = "validation:coverage80"
FIT_SECONDS = "train:seconds"
ORIGINS_DONE = "train:origins_done"

NAMES: tuple[str, ...] = (SCALED_QUANTILE_LOSS, COVERAGE80, FIT_SECONDS, ORIGINS_DONE)
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def metric_line(name: str, value: float) -> str:
    """`name=value;` with 6 significant digits."""
    if name not in NAMES:
        raise ValueError(f"metric {name!r}: not one of {NAMES}; add it there first")
    return f"{name}={value:.6g};"


def metric_definitions() -> list[dict[str, str]]:
    """`MetricDefinitions` of CreateTrainingJob: one `{"Name", "Regex"}` per metric."""
    return [{"Name": name, "Regex": f"{re.escape(name)}={_NUMBER};"} for name in NAMES]
