"""The ensemble: members' quantiles averaged as the backtest says is best, then calibrated on it.

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
import numpy.typing as npt

from housing.backtest import Backtest
from housing.calibration import conformal_factors, widen
from housing.errors import ArtifactError, SettingsError
from housing.features.trend import Trend
from housing.forecast import QUANTILES
from housing.members import BASELINES
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel
from housing.weighting import Matured, choose_weights, member_median, weighted_mean

ONLINE_MEMBERS: tuple[str, ...] = ("catboost", "linear", "momentum", "naive", "neural", "trend", "xgboost")
"""Members quick enough to answer for a series that is first seen in a request."""

_HALF_LIFE_YEARS = 2.0
_BLOCK_EDGES = (0.25, 0.5)
"""Fractions of the horizon at which a new block of horizons begins."""


@dataclass(frozen=True)
class Blend:
    """A weighted mean of members' quantiles, or their median, with a factor for the bands.

    Attributes
    ----------
    members : length M.
    weights : (M, H), summing to 1 over the members.
    median : (H,), horizons that take the median across members instead.
    factors : (H,), see `calibration.widen`.
    """

    members: tuple[str, ...]
    weights: Floats
    median: npt.NDArray[np.bool_]
    factors: Floats

    def combine(self, values: Mapping[str, Floats]) -> Floats:
        """Calibrated quantiles (..., H, 9) of the log price; a member without a forecast leaves its weight to the rest."""
        stacked = np.stack([np.asarray(values[name], dtype=np.float64) for name in self.members])
        horizon = stacked.shape[-2]
        return widen(_combined(stacked, self.weights[:, :horizon], self.median[:horizon]), self.factors[:horizon])


def _combined(stacked: Floats, weights: Floats, median: npt.NDArray[np.bool_]) -> Floats:
    """Members' quantiles (M, ..., H, 9) as one, before calibration."""
    mean = weighted_mean(stacked, weights)
    return np.where(median[:, None], member_median(stacked), mean) if median.any() else mean


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


def _fit_blend(panel: Panel, backtest: Backtest, names: tuple[str, ...]) -> Blend:
    horizon = backtest.horizon
    weights, median = np.full((len(names), horizon), 1.0 / len(names)), np.zeros(horizon, dtype=bool)
    if not len(backtest.origins):
        return Blend(names, weights, median, np.ones(horizon))
    blocks = horizon_blocks(horizon)
    actual = actual_log_price(panel, backtest.origins, horizon)
    ages = (len(panel.dates) - 1 - backtest.origins) / panel.season
    noise, recency = Trend.of(panel).noise[:, -1], 0.5 ** (ages / _HALF_LIFE_YEARS)
    stacked = np.stack([backtest.values[name].astype(np.float64) for name in names])
    for block in blocks:
        chosen = choose_weights(Matured(stacked[:, :, :, block], actual[:, :, block], noise, recency))
        if chosen is None:
            median[block] = True
        else:
            weights[:, block] = chosen[:, None]
    return Blend(names, weights, median, conformal_factors(_combined(stacked, weights, median), actual, ages, blocks))


def _blend_to_json(blend: Blend) -> dict[str, object]:
    weights = {name: row.tolist() for name, row in zip(blend.members, blend.weights, strict=True)}
    return {"weights": weights, "median": blend.median.tolist(), "factors": blend.factors.tolist()}


def _blend_from_json(facts: Mapping[str, object]) -> Blend:
    weights, median, factors = facts["weights"], facts["median"], facts["factors"]
    if not isinstance(weights, dict) or not isinstance(median, list) or not isinstance(factors, list):
        raise TypeError("weights, median or factors")
    rows = np.array(list(weights.values()), dtype=np.float64)
    return Blend(tuple(weights), rows, np.array(median, dtype=bool), np.array(factors, dtype=np.float64))
