"""Metric definitions: the numbers that a training job prints, found by regular expressions."""

import contextlib
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def final_metrics(definitions: Iterable[Mapping[str, str]], logs: Iterable[Path]) -> list[dict[str, Any]]:
    """The last value of each metric in the logs, as FinalMetricDataList.

    A definition is `{"Name": ..., "Regex": ...}` with one group that matches a number; a metric that never appears is left out.
    """
    lines = [line for log in logs if log.is_file() for line in log.read_text(errors="replace").splitlines()]
    found: list[dict[str, Any]] = []
    for definition in definitions:
        value = _last(re.compile(definition["Regex"]), lines)
        if value is not None:
            found.append({"MetricName": definition["Name"], "Value": value, "Timestamp": time.time()})
    return found


def printed(pattern: str, log: Path) -> list[float]:
    """Every value of a metric that a job has printed so far, in order."""
    if not log.is_file():
        return []
    found = []
    for match in re.finditer(pattern, log.read_text(errors="replace")):
        with contextlib.suppress(ValueError, IndexError):
            found.append(float(match.group(1)))
    return found


def _last(pattern: re.Pattern[str], lines: list[str]) -> float | None:
    for line in reversed(lines):
        for match in reversed(list(pattern.finditer(line))):
            try:
                return float(match.group(1))
            except (ValueError, IndexError):
                continue
    return None
