"""The data gate: what is in a panel, what looks wrong, and what makes it unfit to forecast from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from housing.errors import DataError
from housing.panel import Floats, Panel

MINIMUM_YEARS = 3
"""A forecast needs at least one region with this many years of prices beyond the horizon."""

STALE_YEARS = 0.5
LONG_GAP_YEARS = 0.5
JUMP = 1.0
"""A change of the log price from one observation to the next beyond this (a factor of 2.7) is worth a look."""

SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `fatal` findings stop the pipeline, the others are reported."""

    name: str
    fatal: bool
    text: str
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quality:
    """What a panel holds, and the findings.

    Attributes
    ----------
    missing : share of prices that are not observed.
    covariates : name -> share of values that are not observed.
    """

    regions: int
    periods: int
    first: str
    last: str
    frequency: str
    missing: float
    covariates: dict[str, float]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """The content of `quality.json`."""
        return asdict(self)

    def require(self) -> None:
        """DataError with the first fatal finding."""
        for finding in self.findings:
            if finding.fatal:
                raise DataError(finding.text)


@dataclass(frozen=True)
class Whole:
    """What the gate asks of a whole panel, where it looks at a part: prices of the longest region, series without a value."""

    longest: int
    empty: tuple[str, ...]

    @classmethod
    def of(cls, panel: Panel) -> Whole:
        counts = np.isfinite(panel.price).sum(axis=1)
        series = (*panel.covariates.items(), *panel.national.items())
        return cls(int(counts.max(initial=0)), tuple(name for name, values in series if _missing(values) == 1))


def check_quality(panel: Panel, horizon: int, whole: Whole | None = None) -> Quality:
    """Look a panel over before it is trained on, or some regions of a panel of which `whole` is known."""
    known = np.isfinite(panel.price)
    return Quality(
        regions=len(panel.regions),
        periods=len(panel.dates),
        first=str(panel.dates[0]) if len(panel.dates) else "",
        last=str(panel.dates[-1]) if len(panel.dates) else "",
        frequency=panel.frequency,
        missing=float(1 - known.mean()) if known.size else 1.0,
        covariates={name: _missing(values) for name, values in (*panel.covariates.items(), *panel.national.items())},
        findings=tuple(_findings(panel, horizon, whole or Whole.of(panel))),
    )


def _findings(panel: Panel, horizon: int, whole: Whole) -> list[Finding]:
    needed = MINIMUM_YEARS * panel.season + horizon
    known = np.isfinite(panel.price)
    count = known.sum(axis=1)
    if whole.longest < needed:
        have = whole.longest
        text = f"price: the longest region has {have} observations, {needed} are needed for a horizon of {horizon}; give a longer history"
        return [Finding("too_short", True, text)]
    positive = ~known | (panel.price > 0)
    changes = _changes(panel.price)
    since = known.shape[1] - 1 - _last(known)
    checks = (
        ("not_positive", True, ~positive.all(1), "have prices that are not positive; correct them or leave them empty"),
        ("no_price", False, count == 0, "have no price and get no forecast"),
        ("short", False, (count > 0) & (count < needed), f"have fewer than {needed} prices; their forecasts lean on the other regions"),
        ("stale", False, (count > 0) & (since > STALE_YEARS * panel.season), "have had no price for half a year or more"),
        ("gaps", False, _longest_gap(known) > LONG_GAP_YEARS * panel.season, "have gaps of more than half a year"),
        ("jumps", False, changes > JUMP, "change by a factor of 2.7 or more from one price to the next; check the unit"),
        ("constant", False, (count > 1) & (changes == 0), "have one and the same price throughout"),
    )
    found = [_finding(panel, name, fatal, np.asarray(rows), text) for name, fatal, rows, text in checks if np.any(rows)]
    return found + [Finding("empty_covariate", False, f"{name}: no value at all; drop the column") for name in whole.empty]


def _finding(panel: Panel, name: str, fatal: bool, rows: np.ndarray, text: str) -> Finding:
    names = tuple(panel.regions[row] for row in np.flatnonzero(rows))
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return Finding(name, fatal, f"price: {len(names)} of {len(panel.regions)} regions {text}: {shown}", names)


def _missing(values: Floats) -> float:
    return float(1 - np.isfinite(values).mean()) if values.size else 1.0


def _changes(price: Floats) -> Floats:
    """Largest absolute log change between successive observations, (N, T) -> (N,); NaN with fewer than two."""
    largest = np.full(len(price), np.nan)
    for row, values in enumerate(price):
        observed = values[np.isfinite(values) & (values > 0)]
        if len(observed) > 1:
            largest[row] = np.abs(np.diff(np.log(observed))).max()
    return largest


def _last(known: np.ndarray) -> np.ndarray:
    """Column of the last observation, -1 where there is none."""
    columns = np.where(known, np.arange(known.shape[1]), -1)
    return np.asarray(columns.max(axis=1))


def _longest_gap(known: np.ndarray) -> np.ndarray:
    """Longest run of missing periods between two observations, (N, T) -> (N,)."""
    columns = np.arange(known.shape[1])
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    previous = np.concatenate([np.full((len(known), 1), -1), before[:, :-1]], axis=1)
    gaps = np.where(known & (previous >= 0), columns - previous - 1, 0)
    return np.asarray(gaps.max(axis=1))
