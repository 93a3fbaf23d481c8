"""Crises are few: what a forecaster did before each one, and how often it raised a false alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing.panel import Floats


@dataclass(frozen=True)
class Alarms:
    """The record of alarms, raised where a probability reaches a level.

    Attributes
    ----------
    episodes : onsets that an origin could have warned of: (region row, onset column).
    lead_times : periods from the first alarm within the horizon to the onset, per episode; NaN where none was raised.
    false_alarms : runs of alarms in one region after none of which an onset followed.
    region_periods : periods x regions that were at risk and forecast.
    """

    episodes: tuple[tuple[int, int], ...]
    lead_times: tuple[float, ...]
    false_alarms: int
    region_periods: float

    @property
    def caught(self) -> int:
        return int(np.isfinite(self.lead_times).sum())

    @property
    def median_lead(self) -> float:
        """Median periods of warning over the episodes that were warned of; NaN when none was."""
        known = [lead for lead in self.lead_times if np.isfinite(lead)]
        return float(np.median(known)) if known else float("nan")

    def per_decade(self, season: int) -> float:
        """False alarms per region and ten years at risk; NaN when nothing was at risk."""
        decades = self.region_periods / (10 * season)
        return self.false_alarms / decades if decades > 0 else float("nan")


def onsets(depth: Floats, threshold: float, quiet: int) -> list[tuple[int, int]]:
    """(region row, column) where the depth first reaches -threshold after more than `quiet` periods above it, (N, T)."""
    inside = depth <= -threshold
    found = []
    for row, flags in enumerate(inside):
        previous = None
        for column in np.flatnonzero(flags).tolist():
            entered = column > 0 and depth[row, column - 1] > -threshold
            if entered and (previous is None or column - previous > quiet):
                found.append((row, column))
            previous = column
    return found


def record_alarms(
    probability: Floats,
    labels: Floats,
    depth: Floats,
    origins: Sequence[int],
    *,
    threshold: float,
    horizon: int,
    level: float,
) -> Alarms:
    """Alarms where `probability` (O, N) reaches `level`, judged by `labels` (O, N) and the onsets of `depth` (N, T).

    An episode counts when some origin within the `horizon` periods before it was scored in its region.
    """
    columns = np.asarray(origins)
    scored = np.isfinite(labels) & np.isfinite(probability)
    alarm = scored & (np.nan_to_num(probability) >= level)
    episodes, leads = [], []
    for row, onset in onsets(depth, threshold, horizon):
        window = (columns < onset) & (columns >= onset - horizon) & scored[:, row]
        if window.any():
            raised = columns[window & alarm[:, row]]
            episodes.append((row, onset))
            leads.append(float(onset - raised.min()) if len(raised) else float("nan"))
    spacing = float(np.median(np.diff(columns))) if len(columns) > 1 else float(horizon)
    return Alarms(tuple(episodes), tuple(leads), _false_runs(alarm, labels), float(scored.sum()) * spacing)


def _false_runs(alarm: npt.NDArray[np.bool_], labels: Floats) -> int:
    """Runs of consecutive alarms per region, (O, N), that hold no positive label."""
    count = 0
    for row in range(alarm.shape[1]):
        flags = alarm[:, row].astype(np.int64)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]])))
        count += sum(1 for start, stop in zip(edges[::2], edges[1::2], strict=True) if not np.any(labels[start:stop, row] == 1))
    return count
