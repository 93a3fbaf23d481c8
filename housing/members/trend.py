"""Trend: a damped local trend with settings shared by all regions, and bands that widen when a region's errors have grown.

Growth of smooth indices goes on for years and turns once: a filter that follows it needs no turn in its training data, as trees do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import ClassVar, Self

import numpy as np

from housing.errors import ArtifactError, DataError, SettingsError
from housing.features.market import Market
from housing.features.trend import Trend
from housing.forecast import QUANTILES
from housing.members.holt import GRID, LocalTrend
from housing.members.season import seasonal_factors
from housing.members.store import read_arrays, write_arrays
from housing.panel import Floats, Panel

_WARM_UP_YEARS = 2
"""Errors before the filter has seen this much are not counted."""
_HALF_LIFE_YEARS = 6.0
_SHARPNESS = 60.0
"""Settings whose error is 1% above the least weigh exp(-0.6) of the best."""
_KEPT = 8
"""Settings that make up the forecast."""
_LARGEST = 8.0
"""Errors, in noises, beyond this count as this much when settings are compared."""
_SHORT_YEARS = 0.75
"""Memory of the recent errors, against the long memory `_HALF_LIFE_YEARS`."""
_RECENT = 0.5
"""Power of recent over usual errors by which the bands widen."""
_OWN_AFTER = 8.0
"""With so many errors of its own a region's scale weighs as much as that of all regions."""
_LEAST = 1e-3
"""Least usual error, in noises."""
_TO_DEVIATION = 1.2533
"""Deviation of a normal variable whose mean absolute value is 1."""
_MOST_REGIONS = 500
"""Regions that teach the settings, evenly chosen, and that are forecast in one block."""


@dataclass(frozen=True)
class _Series:
    """Log prices less their season (N, T), noise (N, T), seasonal factors of the periods ahead (N, H)."""

    values: Floats
    noise: Floats
    ahead: Floats
    season: int

    @classmethod
    def of(cls, panel: Panel, horizon: int, market: Market) -> Self:
        trend = Trend.of(panel)
        past, ahead = seasonal_factors(panel, trend, horizon, market)
        return cls(panel.log_price - past, trend.noise, ahead, panel.season)

    def errors(self, paths: Floats) -> Floats:
        """Errors (N, T, H) of `paths` (N, T, H), each at the period in which it becomes known; NaN where unknown."""
        answer = np.full(paths.shape, np.nan)
        for step in range(1, paths.shape[2] + 1):
            answer[:, step:, step - 1] = self.values[:, step:] - paths[:, :-step, step - 1]
        answer[:, : _WARM_UP_YEARS * self.season] = np.nan
        return answer


class DampedTrend:
    """Mean of a few damped trends; quantiles are those of all regions' past errors, each in its region's scale of the day."""

    name: ClassVar[str] = "trend"
    REFIT_MONTHS: ClassVar[int] = 6

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._settings: Floats = np.empty((0, 3))
        self._weights: Floats = np.empty(0)
        self._usual: Floats = np.empty(0)
        self._quantiles: Floats = np.empty((0, len(QUANTILES)))

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Settings by their past errors over all steps ahead, recent ones counting more; scale and quantiles of those errors."""
        chosen = np.unique(np.linspace(0, len(panel.regions) - 1, min(len(panel.regions), _MOST_REGIONS)).astype(int))
        series = _Series.of(panel.select([panel.regions[i] for i in chosen]), horizon, Market.of(panel))
        loss = _losses(series, horizon)
        best = np.argsort(loss, kind="stable")[:_KEPT]
        self._settings = GRID[best]
        weights = np.exp(-_SHARPNESS * (loss[best] / max(loss[best[0]], _LEAST) - 1))
        self._weights = weights / weights.sum()
        errors = series.errors(self._paths(series, horizon))
        recency = _recency(series, _HALF_LIFE_YEARS)
        in_noise = np.minimum(np.abs(errors) / series.noise[:, :, None], _LARGEST)
        self._usual = np.array([_mean(in_noise[:, :, step], recency) for step in range(horizon)])
        scales = _scales(errors, self._usual, series)
        surprises = [errors[:, step:, step - 1] / scales[:, :-step, step - 1] for step in range(1, horizon + 1)]
        self._quantiles = np.stack([_quantiles(values, recency[step:], QUANTILES) for step, values in enumerate(surprises, start=1)])
        return self

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:
        """Quantiles of the log price, float64 (N, horizon, 9). Of `market` the season is used."""
        if horizon > len(self._usual):
            raise SettingsError(f"horizon {horizon}: {self.name} is fitted for {len(self._usual)}; fit it for a longer one")
        shared = market or Market.of(panel)
        names = [panel.regions[i : i + _MOST_REGIONS] for i in range(0, len(panel.regions), _MOST_REGIONS)]
        return np.concatenate([self._block(panel.select(block) if len(names) > 1 else panel, horizon, shared) for block in names])

    def _block(self, panel: Panel, horizon: int, market: Market) -> Floats:
        series = _Series.of(panel, horizon, market)
        paths = self._paths(series, horizon)
        errors = series.errors(paths)
        scale = _newest_scales(errors, self._usual[:horizon], series)
        answer: Floats = (paths[:, -1] + series.ahead)[..., None] + scale[..., None] * self._quantiles[:horizon]
        return answer

    def _paths(self, series: _Series, horizon: int) -> Floats:
        """Forecasts from every period, (N, T, H), of the series less its season."""
        filtered = LocalTrend.of(series.values, self._settings, series.season)
        paths = []
        for step in range(1, horizon + 1):
            ahead = filtered.ahead(step)
            # Not a matrix product: its rounding depends on how many series are asked for at once.
            paths.append(sum(weight * ahead[:, k] for k, weight in enumerate(self._weights)))
        return np.stack(paths, axis=-1).transpose(1, 0, 2)

    def save(self, folder: Path) -> None:
        if not len(self._usual):
            raise SettingsError(f"{self.name}: not fitted; fit it before saving")
        arrays = {"settings": self._settings, "weights": self._weights, "usual": self._usual, "quantiles": self._quantiles}
        write_arrays(folder / "trend.npz", arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        member, stored = cls(), read_arrays(folder / "trend.npz")
        try:
            member._settings, member._weights = stored["settings"], stored["weights"]
            member._usual, member._quantiles = stored["usual"], stored["quantiles"]
        except KeyError as error:
            raise ArtifactError(f"trend.npz: no array {error}; train {cls.name} again") from error
        return member


def _losses(series: _Series, horizon: int) -> Floats:
    """Mean absolute error in noises of every setting of `GRID`, (K,)."""
    filtered, start = LocalTrend.of(series.values, GRID, series.season), _WARM_UP_YEARS * series.season
    recency = _recency(series, _HALF_LIFE_YEARS)
    total, weight = np.zeros(len(GRID)), 0.0
    for step in range(1, horizon + 1):
        actual, noise = series.values.T[start + step :, None], series.noise.T[start:-step, None]
        error = np.minimum(np.abs(actual - filtered.ahead(step)[start:-step]) / noise, _LARGEST)
        seen, recent = np.isfinite(error), recency[start + step :, None, None]
        total += (np.where(seen, error, 0.0) * recent).sum(axis=(0, 2))
        weight += float((seen[:, 0] * recent[:, 0]).sum())
    if not weight:
        periods = series.values.shape[1]
        raise DataError(f"panel: {periods} periods are too few to see one error of a trend; it needs more than {start + 1}")
    return total / weight


def _scales(errors: Floats, usual: Floats, series: _Series) -> Floats:
    """Scale of the error of a forecast made at each period, (N, T, H): a region's usual error, raised or lowered by its recent ones.

    Both are exponentially weighted means of |errors| (N, T, H) that were known by then, the former shrunk to what is `usual` (H,), in
    noises, for all regions.
    """
    scales = np.empty(errors.shape)
    for t, scale in enumerate(_walk(errors, usual, series)):
        scales[:, t] = scale
    return scales


def _newest_scales(errors: Floats, usual: Floats, series: _Series) -> Floats:
    """The last period of `_scales`, (N, H)."""
    newest = errors[:, -1]
    for newest in _walk(errors, usual, series):  # noqa: B007 (the last one is wanted)
        pass
    return newest


def _walk(errors: Floats, usual: Floats, series: _Series) -> Iterator[Floats]:
    """The scale (N, H) at each period."""
    keep_long, keep_short = (0.5 ** (1 / (years * series.season)) for years in (_HALF_LIFE_YEARS, _SHORT_YEARS))
    shape, quarter = errors[:, 0].shape, series.season / 4
    long, short = np.zeros(shape), np.zeros(shape)
    long_count, short_count = np.zeros(shape), np.zeros(shape)
    for t in range(errors.shape[1]):
        size = np.abs(errors[:, t])
        seen = np.isfinite(size)
        size = np.where(seen, size, 0.0)
        long, long_count = keep_long * long + size, keep_long * long_count + seen
        short, short_count = keep_short * short + size, keep_short * short_count + seen
        own = (long + _OWN_AFTER * usual * series.noise[:, t, None]) / (long_count + _OWN_AFTER)
        recent = (short + quarter * own) / (short_count + quarter)
        yield own * (recent / own) ** _RECENT


def _recency(series: _Series, half_life_years: float) -> Floats:
    """Weight of each period (T,), 1 for the newest."""
    periods = series.values.shape[1]
    return np.asarray(0.5 ** ((periods - 1 - np.arange(periods)) / (half_life_years * series.season)))


def _mean(values: Floats, weight: Floats) -> float:
    """Weighted mean of what is known of (N, T) with weights (T,), at least `_LEAST`."""
    seen = np.isfinite(values)
    total = float((seen * weight).sum())
    return max(float((np.where(seen, values, 0.0) * weight).sum()) / total, _LEAST) if total else 1.0


def _quantiles(values: Floats, weight: Floats, levels: Sequence[float]) -> Floats:
    """Weighted quantiles of what is known of (N, T) with weights (T,); a normal variable's where nothing is."""
    seen = np.isfinite(values)
    if not seen.any():
        return np.array([_TO_DEVIATION * NormalDist().inv_cdf(level) for level in levels])
    known, share = values[seen], np.broadcast_to(weight, values.shape)[seen]
    order = np.argsort(known, kind="stable")
    below = np.cumsum(share[order])
    return np.interp(levels, (below - share[order] / 2) / below[-1], known[order])
