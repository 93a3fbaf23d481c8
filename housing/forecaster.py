"""A saved model, ready to answer: known regions from the stored forecast, unseen series through the online members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from housing import artifact
from housing.crisis import DrawdownHead
from housing.crisis.head import FILE as DRAWDOWN_FILE
from housing.ensemble import Ensemble
from housing.errors import ArtifactError, DataError, SettingsError
from housing.explanation import explain
from housing.features.market import Market
from housing.forecast import QUANTILES, Forecast
from housing.members import load_member
from housing.members.base import Member
from housing.members.store import read_arrays, write_arrays
from housing.panel import Floats, Frequency, Panel

FORECAST_FILE = "forecast.npz"


@dataclass(frozen=True)
class Forecaster:
    """What an artifact holds.

    Attributes
    ----------
    model_version : of the manifest.
    panel : the latest data of the known regions.
    known : their log-price quantiles, float64 (N, H, 9), as computed when the artifact was made.
    drawdown : the drawdown head, or None when the history was too short to learn one.
    """

    model_version: str
    panel: Panel
    ensemble: Ensemble
    online: dict[str, Member]
    known: Floats
    drawdown: DrawdownHead | None
    market: Market

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Verify the artifact in `folder` and load what answering needs; ArtifactError or DataError says what is wrong."""
        manifest = artifact.verify(folder)
        panel, ensemble = Panel.load(folder), Ensemble.load(folder)
        if ensemble.online is None:
            raise ArtifactError("ensemble.json: no members; run the Ensemble job again")
        online = {name: load_member(name, folder / "members" / name) for name in ensemble.online.members}
        stored = read_arrays(folder / FORECAST_FILE).get("log_quantiles")
        if stored is None or stored.shape != (len(panel.regions), ensemble.horizon, len(QUANTILES)):
            raise ArtifactError(f"{FORECAST_FILE}: not of this panel and horizon; run the Ensemble job again")
        drawdown = DrawdownHead.load(folder) if DRAWDOWN_FILE in manifest.files else None
        known = _as_known(panel)
        return cls(manifest.model_version, known, ensemble, online, stored, drawdown, Market.of(known))

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that can be asked for by name."""
        return self.panel.regions

    @property
    def frequency(self) -> Frequency:
        return self.panel.frequency

    @property
    def horizon(self) -> int:
        """The longest horizon, in periods."""
        return self.ensemble.horizon

    @property
    def last_date(self) -> np.datetime64:
        """The newest period of the known regions."""
        newest: np.datetime64 = self.panel.dates[-1]
        return newest

    def forecast_known(
        self, regions: Sequence[str], horizon: int | None = None, levels: Sequence[float] = QUANTILES, threshold: float | None = None
    ) -> Forecast:
        """Forecast of known regions at their latest data.

        `threshold` asks for another drawdown depth than the model's own definition.
        Errors: DataError names an unknown region, SettingsError a horizon beyond the fitted one or a level outside (0, 1).
        """
        chosen = self.panel.select(tuple(regions))
        position = {name: row for row, name in enumerate(self.regions)}
        rows = [position[name] for name in regions]
        return self._forecast(chosen, self.known[rows], self.drawdown_known(threshold)[rows], horizon, levels)

    def forecast_panel(
        self, panel: Panel, horizon: int | None = None, levels: Sequence[float] = QUANTILES, threshold: float | None = None
    ) -> Forecast:
        """Forecast of unseen regions after the last column of `panel`, whose columns are those of the model's own panel.

        A region's forecast does not depend on the other regions of `panel`: the cross-section is that of the known ones.
        Errors: DataError on another frequency or a region without a price, SettingsError as in `forecast_known`.
        """
        combined = self.log_quantiles(panel)
        return self._forecast(panel, combined, self.drawdown_probability(panel, combined, threshold), horizon, levels)

    def log_quantiles(self, panel: Panel, members: Sequence[str] | None = None) -> Floats:
        """What the online members, or some of them, say together: (N, H, 9) of the log price. Errors: as `forecast_panel`."""
        if panel.frequency != self.frequency:
            raise DataError(f"frequency {panel.frequency}: this model is {self.frequency}; send a series of that frequency")
        if not np.isfinite(panel.price).any(axis=1).all():
            raise DataError("price: a region has none; send at least one price")
        chosen = tuple(self.online) if members is None else tuple(members)
        unknown = sorted(set(chosen) - set(self.online))
        if unknown or not chosen:
            raise SettingsError(f"member {unknown[0] if unknown else ''!r}: does not answer online; {', '.join(self.online)} do")
        silent = np.full((len(panel.regions), self.horizon, len(QUANTILES)), np.nan)
        values = {
            name: member.predict(panel, self.horizon, self.market) if name in chosen else silent for name, member in self.online.items()
        }
        return self.ensemble.combine(values, panel)

    def drawdown_known(self, threshold: float | None = None) -> Floats:
        """Drawdown probability of all known regions, (N,); NaN where a region is in one already."""
        return self.drawdown_probability(self.panel, self.known, threshold)

    def drawdown_probability(self, panel: Panel, log_quantiles: Floats, threshold: float | None = None) -> Floats:
        """Drawdown probability after the end of `panel`, given its forecast (N, H, 9): (N,)."""
        if self.drawdown is None:
            return np.full(len(panel.regions), np.nan)
        return self.drawdown.predict(panel, log_quantiles, threshold)

    def explain_known(self, regions: Sequence[str], threshold: float | None = None) -> list[dict[str, Any]]:
        """Why known regions are forecast as they are: see `housing.explanation.explain`."""
        rows = [self.regions.index(name) for name in regions]
        chosen, weights = self.panel.select(tuple(regions)), self.ensemble.weights(self.horizon, online=False)
        return explain(chosen, self.known[rows], self.online, weights, self.drawdown, market=self.market, threshold=threshold)

    def explain_panel(
        self, panel: Panel, log_quantiles: Floats, threshold: float | None = None, members: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """The same for the regions of `panel`, given the forecast (N, H, 9) of the online members, or of some of them."""
        weights = self.ensemble.weights(self.horizon, online=True, members=members)
        return explain(panel, log_quantiles, self.online, weights, self.drawdown, market=self.market, threshold=threshold)

    def _forecast(self, panel: Panel, log_quantiles: Floats, drawdown: Floats, horizon: int | None, levels: Sequence[float]) -> Forecast:
        length = self.horizon if horizon is None else horizon
        if not 1 <= length <= self.horizon:
            raise SettingsError(f"horizon {length}: this model forecasts 1 to {self.horizon} periods; train one with a longer horizon")
        values = interpolate_levels(np.exp(log_quantiles[:, :length]), levels)
        return Forecast(panel.regions, panel.dates[-1], panel.future_dates(length), tuple(levels), values, drawdown)


def write_forecast(folder: Path, log_quantiles: Floats) -> None:
    """Store the known regions' forecast, (N, H, 9) quantiles of the log price, in an artifact that is being made."""
    write_arrays(folder / FORECAST_FILE, {"log_quantiles": log_quantiles})


def interpolate_levels(values: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles (..., L) at `levels` from the stored ones (..., 9), in price units.

    Stored levels are returned as they are. Between them, and beyond the outermost, the log price is linear in the normal quantile of the
    level: a normal distribution is reproduced exactly, and the result ascends with the level.
    """
    if not all(0 < level < 1 for level in levels):
        raise SettingsError("quantile level: must be between 0 and 1")
    stored = {level: position for position, level in enumerate(QUANTILES)}
    if all(level in stored for level in levels):
        return values[..., [stored[level] for level in levels]]
    knots = np.array([NormalDist().inv_cdf(level) for level in QUANTILES])
    logs = np.log(values)
    columns = []
    for level in levels:
        if level in stored:
            columns.append(values[..., stored[level]])
            continue
        z = NormalDist().inv_cdf(level)
        right = int(np.clip(np.searchsorted(knots, z), 1, len(knots) - 1))
        share = (z - knots[right - 1]) / (knots[right] - knots[right - 1])
        columns.append(np.exp(logs[..., right - 1] + share * (logs[..., right] - logs[..., right - 1])))
    return np.stack(columns, axis=-1)


def _as_known(panel: Panel) -> Panel:
    """The panel as it is known at its end: publication lags applied."""
    return panel.until(len(panel.dates) - 1)
