"""Statistical: damped exponential smoothing and Theta, per region on log prices, from statsforecast."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.stats import norm
from statsforecast.models import AutoETS, DynamicOptimizedTheta

from housing.errors import ArtifactError, SettingsError
from housing.features.market import Market
from housing.features.windows import first_observed, forward_fill
from housing.forecast import QUANTILES
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel

_LEVELS = [20, 40, 60, 80]
"""Intervals whose ends are the quantiles 0.1..0.9 without the median."""
_FLOOR = 1e-3
"""Least deviation of one period's change of the log price, as in the noise of the pooled members."""


class Statistical:
    """The mean of the models' quantiles; a region with a short or constant history gets a random walk.

    The models are local: `fit` only notes the horizon, and `predict` fits them to every region that it is given.
    """

    name: ClassVar[str] = "statistical"
    REFIT_MONTHS: ClassVar[int] = 12

    def __init__(self, seed: int = 0, years: int = 20) -> None:
        """Only the last `years` of a history are used."""
        self.seed, self.years = seed, years
        self._horizon = 0

    def fit(self, panel: Panel, horizon: int) -> Self:  # noqa: ARG002
        self._horizon = horizon
        return self

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:  # noqa: ARG002
        """Quantiles of the log price, float64 (N, horizon, 9). `market` is not used: each region stands alone."""
        if horizon > self._horizon:
            raise SettingsError(f"horizon {horizon}: {self.name} is fitted for {self._horizon}; fit it for a longer one")
        observed = panel.log_price[:, -self.years * panel.season :]
        filled, first = forward_fill(panel.log_price)[:, -self.years * panel.season :], first_observed(observed)
        answer = np.full((len(panel.regions), horizon, len(QUANTILES)), np.nan)
        for i in np.nonzero(np.isfinite(filled[:, -1]))[0]:
            known = observed[i, first[i] :]
            enough = np.isfinite(known).sum() >= 3 * panel.season and np.ptp(filled[i, first[i] :]) > _FLOOR
            paths = _models(filled[i, first[i] :], panel.season, horizon) if enough else []
            answer[i] = np.mean(paths, axis=0) if paths else _random_walk(filled[i, first[i] :], filled[i, -1], horizon)
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


def _models(history: Floats, season: int, horizon: int) -> list[Floats]:
    """Quantiles (horizon, 9) of every model that fits `history` (T,)."""
    models = (AutoETS(season, model="AAA", damped=True), DynamicOptimizedTheta(season, decomposition_type="additive"))
    paths = (_quantiles(model, history, horizon) for model in models)
    return [path for path in paths if np.isfinite(path).all()]


def _quantiles(model: Any, history: Floats, horizon: int) -> Floats:
    """Quantiles (horizon, 9) from a model's intervals; NaN where it finds no parameters that fit."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            forecast = model.forecast(history, horizon, level=_LEVELS)
    except Exception:  # noqa: BLE001 (the library raises a bare Exception when no parameters fit)
        return np.full((horizon, len(QUANTILES)), np.nan)
    ends = [*(f"lo-{level}" for level in reversed(_LEVELS)), "mean", *(f"hi-{level}" for level in _LEVELS)]
    return np.stack([forecast[end] for end in ends], axis=-1).astype(np.float64)


def _random_walk(history: Floats, last: float, horizon: int) -> Floats:
    """Quantiles (horizon, 9) around the last price that widen with the root of time, from the history's own changes."""
    change = np.sqrt(np.mean(np.diff(history) ** 2)) if len(history) > 1 else 0.0
    deviation = max(float(change), _FLOOR) * np.sqrt(np.arange(1, horizon + 1))
    return np.asarray(last + deviation[:, None] * norm.ppf(QUANTILES))
