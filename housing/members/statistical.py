"""Statistical: exponential smoothing with and without a damped trend, per region on log prices less their season."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from scipy.stats import norm
from statsforecast.models import AutoETS

from housing.errors import ArtifactError, SettingsError
from housing.features.market import Market
from housing.features.trend import Trend
from housing.features.windows import first_observed, forward_fill, lag
from housing.forecast import QUANTILES
from housing.members.season import seasonal_factors
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel

_LEVELS = (20, 40, 60, 80)
"""Intervals whose ends are the quantiles 0.1..0.9 without the median."""
_NOISY, _SMOOTH = 1.0, 2.0
"""Typical yearly growth in noises: up to the first the two models weigh the same, from the second on only the trend counts."""
_FLOOR = 1e-3
"""Least deviation of one period's change of the log price, as in the noise of the pooled members."""


class Statistical:
    """Two models of statsforecast's AutoETS averaged by quantile; a random walk where the history is short or constant.

    They are local: `fit` only notes the horizon, and `predict` fits them to every region that it is given.
    """

    name: ClassVar[str] = "statistical"
    REFIT_MONTHS: ClassVar[int] = 12

    def __init__(self, seed: int = 0, years: int = 8) -> None:
        """Only the last `years` of a history are used: older noise says little about the next error."""
        self.seed, self.years = seed, years
        self._horizon = 0

    def fit(self, panel: Panel, horizon: int) -> Self:  # noqa: ARG002
        self._horizon = horizon
        return self

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:
        """Quantiles of the log price, float64 (N, horizon, 9). Of `market` the season is used."""
        if horizon > self._horizon:
            raise SettingsError(f"horizon {horizon}: {self.name} is fitted for {self._horizon}; fit it for a longer one")
        trend = Trend.of(panel)
        past, ahead = seasonal_factors(panel, trend, horizon, market or Market.of(panel))
        share = _trend_share(trend, self.years)
        filled = forward_fill(panel.log_price - past)
        first = np.maximum(first_observed(filled), filled.shape[1] - self.years * panel.season)
        answer = np.full((len(panel.regions), horizon, len(QUANTILES)), np.nan)
        for i in np.nonzero(np.isfinite(filled[:, -1]))[0]:
            history = filled[i, first[i] :]
            enough = np.isfinite(panel.price[i, first[i] :]).sum() >= 2 * panel.season and np.ptp(history) > _FLOOR
            answer[i] = (_smoothing(history, horizon, share[i]) if enough else _random_walk(history, horizon)) + ahead[i, :, None]
        return np.sort(answer, axis=-1)

    def save(self, folder: Path) -> None:
        if not self._horizon:
            raise SettingsError(f"{self.name}: not fitted; fit it before saving")
        write_json(folder / "member.json", {"horizon": self._horizon, "years": self.years})

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts = read_json(folder / "member.json")
        try:
            member = cls(years=int(facts["years"]))
            member._horizon = int(facts["horizon"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"member.json: {error!r}; train {cls.name} again") from error
        return member


def _trend_share(trend: Trend, years: int) -> Floats:
    """Weight (N,) of the model with a trend, 0.5 to 1: a smooth series goes on growing, a noisy one hides whether it does."""
    growth = np.abs(trend.level - lag(trend.level, trend.season)) / trend.noise
    recent = growth[:, -years * trend.season :]
    typical = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in recent])
    share: Floats = 0.5 + 0.5 * np.clip((typical - _NOISY) / (_SMOOTH - _NOISY), 0.0, 1.0)
    return share


def _smoothing(history: Floats, horizon: int, trend_share: float) -> Floats:
    """Quantiles (horizon, 9) after a history (T,) without season; a random walk's where no model fits."""
    damped, level = (AutoETS(1, model="AAN", damped=True), trend_share), (AutoETS(1, model="ANN"), 1 - trend_share)
    paths = [(_quantiles(model, history, horizon), weight) for model, weight in (damped, level) if weight > 0]
    fitting = [(path, weight) for path, weight in paths if np.isfinite(path).all()]
    if not fitting:
        return _random_walk(history, horizon)
    return np.asarray(sum(path * weight for path, weight in fitting) / sum(weight for _, weight in fitting))


def _quantiles(model: AutoETS, history: Floats, horizon: int) -> Floats:
    """Quantiles (horizon, 9) from the intervals of a model; NaN where it finds no parameters that fit."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            forecast = model.forecast(history, horizon, level=list(_LEVELS))
    except Exception:  # noqa: BLE001 (the library raises a bare Exception when no parameters fit)
        return np.full((horizon, len(QUANTILES)), np.nan)
    ends = [*(f"lo-{level}" for level in reversed(_LEVELS)), "mean", *(f"hi-{level}" for level in _LEVELS)]
    return np.stack([forecast[end] for end in ends], axis=-1).astype(np.float64)


def _random_walk(history: Floats, horizon: int) -> Floats:
    """Quantiles (horizon, 9) around the last price that widen with the root of time, from the history's own changes."""
    change = np.sqrt(np.mean(np.diff(history) ** 2)) if len(history) > 1 else 0.0
    deviation = max(float(change), _FLOOR) * np.sqrt(np.arange(1, horizon + 1))
    return np.asarray(history[-1] + deviation[:, None] * norm.ppf(QUANTILES))
