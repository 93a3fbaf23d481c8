"""The ensemble: members' quantiles averaged with weights from the backtest, then calibrated on it.

Only forecasts whose target was observed by the end of the panel are used, so a fit on `panel.until(o)` is what was
possible at o, and `walk_forward` is an honest out-of-sample forecast at each of its origins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from housing.backtest import Backtest
from housing.calibration import conformal_factors, widen
from housing.errors import ArtifactError, SettingsError
from housing.features.trend import Trend
from housing.forecast import QUANTILES
from housing.members import BASELINES
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel

ONLINE_MEMBERS: tuple[str, ...] = ("catboost", "linear", "momentum", "naive", "neural", "xgboost")
"""Members quick enough to answer for a series that is first seen in a request."""

_HALF_LIFE_YEARS = 2.0
_SHARPNESS = 2.0
"""A member with half the loss of another weighs four times as much: near to equal, since last year's best is rarely next year's."""
_BLOCK_EDGES = (0.25, 0.5)
"""Fractions of the horizon at which a new block of horizons begins."""


@dataclass(frozen=True)
class Blend:
    """A weighted mean of members' quantiles with a factor for their bands.

    Attributes
    ----------
    members : length M.
    weights : (M, H), summing to 1 over the members.
    factors : (H,), see `calibration.widen`.
    """

    members: tuple[str, ...]
    weights: Floats
    factors: Floats

    def combine(self, values: Mapping[str, Floats]) -> Floats:
        """Calibrated quantiles (..., H, 9) of the log price; a member without a forecast leaves its weight to the rest."""
        horizon = values[self.members[0]].shape[-2]
        return widen(self._mean(values, horizon), self.factors[:horizon])

    def _mean(self, values: Mapping[str, Floats], horizon: int) -> Floats:
        stacked = np.stack([np.asarray(values[name], dtype=np.float64) for name in self.members])
        return weighted_mean(stacked, self.weights[:, :horizon])


def weighted_mean(stacked: Floats, weights: Floats) -> Floats:
    """Mean over members of (M, ..., H, 9) with `weights` (M, H), NaN left out; NaN where no member has a forecast."""
    shape = (len(weights), *[1] * (stacked.ndim - 3), weights.shape[1], 1)
    weight = np.where(np.isnan(stacked), 0.0, weights.reshape(shape))
    total = weight.sum(axis=0)
    mean = (weight * np.nan_to_num(stacked)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.sort(np.where(total > 0, mean, np.nan), axis=-1)


class Ensemble:
    """Two blends of the members of a backtest: all of them, and those that can answer online."""

    def __init__(self) -> None:
        self.horizon = 0
        self.full: Blend | None = None
        self.online: Blend | None = None

    def fit(self, panel: Panel, backtest: Backtest) -> Self:
        """Weights and calibration from the forecasts of `backtest` that matured by the end of `panel`."""
        self.horizon = backtest.horizon
        names = contributors(backtest.values)
        online = contributors(name for name in backtest.values if name in ONLINE_MEMBERS)
        self.full = _fit_blend(panel, backtest, names)
        self.online = _fit_blend(panel, backtest, online) if online and online != names else self.full
        return self

    def combine(self, values: Mapping[str, Floats], panel: Panel) -> Floats:  # noqa: ARG002
        """Calibrated quantiles (N, H, 9) of the log price from the members' forecasts at the end of `panel`.

        With a forecast of every member the full blend answers, else the online one; SettingsError when that lacks one too.
        """
        full, online = self._fitted()
        if all(name in values for name in full.members):
            return full.combine(values)
        missing = [name for name in online.members if name not in values]
        if missing:
            raise SettingsError(f"ensemble: no forecast of member {missing[0]}; it needs {', '.join(online.members)}")
        return online.combine(values)

    def weights(self, step: int, *, online: bool, members: Sequence[str] | None = None) -> dict[str, float]:
        """Weight of each member `step` periods ahead, in the blend of all or of the online members, among `members` alone."""
        blend = self._fitted()[1 if online else 0]
        found = {name: float(row[step - 1]) for name, row in zip(blend.members, blend.weights, strict=True)}
        kept = {name: weight for name, weight in found.items() if members is None or name in members}
        total = sum(kept.values()) or 1.0
        return {name: weight / total for name, weight in kept.items()}

    def save(self, folder: Path) -> None:
        """Write `ensemble.json` into `folder`."""
        full, online = self._fitted()
        content = {
            "horizon": self.horizon,
            "levels": list(QUANTILES),
            "full": _blend_to_json(full),
            "online": _blend_to_json(online),
        }
        write_json(folder / "ensemble.json", content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it is incomplete."""
        facts = read_json(folder / "ensemble.json")
        ensemble = cls()
        try:
            ensemble.horizon = int(facts["horizon"])
            ensemble.full, ensemble.online = (_blend_from_json(facts[name]) for name in ("full", "online"))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"ensemble.json: {error!r}; run the Ensemble job again") from error
        return ensemble

    def _fitted(self) -> tuple[Blend, Blend]:
        if self.full is None or self.online is None:
            raise SettingsError("ensemble: not fitted; fit it on a backtest first")
        return self.full, self.online


def contributors(members: Iterable[str]) -> tuple[str, ...]:
    """The members that an ensemble is made of: baselines stand beside it to be beaten, and in it only without any other."""
    names = tuple(sorted(name for name in members if name != "ensemble"))
    return tuple(name for name in names if name not in BASELINES) or names


def walk_forward(panel: Panel, backtest: Backtest, origins: Iterable[int] | None = None) -> Floats:
    """The ensemble's forecast at each origin (default: all of the backtest), float64 (O, N, H, 9).

    At an origin o the ensemble is fitted on `panel.until(o)` and the earlier origins of `backtest` alone.
    """
    wanted = [int(o) for o in (backtest.origins if origins is None else origins)]
    answer = []
    for origin in wanted:
        known = panel.until(origin)
        earlier = backtest.select_origins(o for o in backtest.origins if o < origin)
        now = backtest.select_origins([origin])
        answer.append(Ensemble().fit(known, earlier).combine({name: v[0].astype(np.float64) for name, v in now.values.items()}, known))
    return np.stack(answer)


def horizon_blocks(horizon: int) -> list[slice]:
    """Early, middle and late horizons, which have a weight and a factor each."""
    edges = sorted({0, *(max(1, round(edge * horizon)) for edge in _BLOCK_EDGES), horizon})
    return [slice(a, b) for a, b in pairwise(edges) if a < b]


def actual_log_price(panel: Panel, origins: Sequence[int] | np.ndarray, horizon: int) -> Floats:
    """Observed log price (O, N, H) after each origin; NaN past the end of the panel."""
    ahead = np.asarray(origins, dtype=np.int64)[:, None] + np.arange(1, horizon + 1)
    length = len(panel.dates)
    values = panel.log_price[:, np.minimum(ahead, length - 1)]
    return np.where(ahead < length, values, np.nan).transpose(1, 0, 2)


def pinball(values: Floats, actual: Floats) -> Floats:
    """Mean quantile loss over the levels, shape of `actual` (...,), for values (..., 9)."""
    levels = np.asarray(QUANTILES)
    error = actual[..., None] - values
    loss: Floats = np.maximum(levels * error, (levels - 1) * error).mean(axis=-1)
    return loss


def _fit_blend(panel: Panel, backtest: Backtest, names: tuple[str, ...]) -> Blend:
    horizon = backtest.horizon
    blocks = horizon_blocks(horizon)
    equal = np.full((len(names), horizon), 1.0 / len(names))
    if not len(backtest.origins):
        return Blend(names, equal, np.ones(horizon))
    actual = actual_log_price(panel, backtest.origins, horizon)
    age = (len(panel.dates) - 1 - backtest.origins) / panel.season
    recency = 0.5 ** (age / _HALF_LIFE_YEARS)
    noise = Trend.of(panel).noise[:, -1]
    stacked = np.stack([backtest.values[name].astype(np.float64) for name in names])
    losses = pinball(stacked, actual[None]) / noise[:, None]
    weights = equal
    loss = _mean_loss(losses, recency)
    if np.isfinite(loss).all():
        power = (loss / loss.min()) ** -_SHARPNESS
        weights = np.repeat((power / power.sum())[:, None], horizon, axis=1)
    mean = weighted_mean(stacked, weights)
    return Blend(names, weights, conformal_factors(mean, actual, recency, blocks))


def _mean_loss(losses: Floats, recency: Floats) -> Floats:
    """Weighted mean over (O, N, h) per member, NaN where nothing matured."""
    common = np.isfinite(losses).all(axis=0)
    weight = np.where(common, recency[:, None, None], 0.0)
    total = weight.sum()
    if total <= 0:
        return np.full(len(losses), np.nan)
    mean: Floats = (np.where(common, losses, 0.0) * weight).sum(axis=(1, 2, 3)) / total
    return mean


def _blend_to_json(blend: Blend) -> dict[str, object]:
    weights = {name: row.tolist() for name, row in zip(blend.members, blend.weights, strict=True)}
    return {"weights": weights, "factors": blend.factors.tolist()}


def _blend_from_json(facts: Mapping[str, object]) -> Blend:
    weights, factors = facts["weights"], facts["factors"]
    if not isinstance(weights, dict) or not isinstance(factors, list):
        raise TypeError("weights or factors")
    return Blend(tuple(weights), np.array(list(weights.values()), dtype=np.float64), np.array(factors, dtype=np.float64))
