"""What the three baselines share: a point path, and the quantiles of that path's own past errors around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from housing.errors import ArtifactError, DataError, SettingsError
from housing.features.market import Market
from housing.features.windows import first_observed, forward_fill, trailing_mean
from housing.forecast import QUANTILES
from housing.members.store import read_arrays, write_arrays
from housing.panel import Floats, Panel

_OWN_ERRORS = 24
"""With this many errors of its own a region's quantiles weigh as much as the pooled ones."""


@dataclass(frozen=True)
class History:
    """What a baseline knows: forward-filled log prices (N, T), the column of each first price (N,), periods per year."""

    filled: Floats
    first: npt.NDArray[np.int64]
    season: int

    @classmethod
    def of(cls, panel: Panel) -> Self:
        filled = forward_fill(panel.log_price)
        return cls(filled, np.minimum(first_observed(filled), filled.shape[1] - 1), panel.season)

    @property
    def columns(self) -> npt.NDArray[np.int64]:
        return np.arange(self.filled.shape[1])

    @cached_property
    def growth(self) -> Floats:
        """Growth of the log price over the last year, averaged over a quarter: (N, T)."""
        return trailing_mean(self.filled - self.at(self.columns - self.season), max(1, self.season // 4))

    def at(self, columns: npt.NDArray[np.int64]) -> Floats:
        """Log prices at `columns` (T,), each not earlier than the region's first price; shape (N, T)."""
        bounded = np.maximum(np.clip(columns, 0, self.filled.shape[1] - 1), self.first[:, None])
        return np.take_along_axis(self.filled, bounded, axis=1)


class Baseline:
    """Base of `naive`, `drift` and `momentum`: a subclass says where the path goes, from every column at once.

    The quantiles at each horizon are those of the region's own past errors, shrunk to the errors of all regions.
    """

    name: ClassVar[str]
    REFIT_MONTHS: ClassVar[int] = 1

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._pooled: Floats | None = None

    def path(self, history: History, step: int) -> Floats:
        """Point forecast of the log price `step` periods ahead of every column, shape (N, T)."""
        raise NotImplementedError

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Quantiles of the past errors of all regions, shape (horizon, 9)."""
        errors = self._errors(panel, self._paths(History.of(panel), horizon))
        self._pooled = np.stack([_row_quantiles(e.reshape(1, -1))[0][0] for e in errors])
        if np.isnan(self._pooled).any():
            known = np.isfinite(self._pooled).all(axis=1)
            if not known.any():
                raise DataError(f"panel: {len(panel.dates)} periods are too few to see one error of a forecast; use a longer history")
            # Horizons that the history never reached take the errors of the longest one that it did.
            self._pooled[~known] = self._pooled[np.nonzero(known)[0].max()]
        return self

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:  # noqa: ARG002
        """Quantiles of the log price, float64 (N, horizon, 9). `market` is not used: a baseline looks at one region."""
        if self._pooled is None or horizon > len(self._pooled):
            fitted = 0 if self._pooled is None else len(self._pooled)
            raise SettingsError(f"horizon {horizon}: {self.name} is fitted for {fitted}; fit it for a longer one")
        paths = self._paths(History.of(panel), horizon)
        answer = np.empty((len(panel.regions), horizon, len(QUANTILES)))
        for step, errors in enumerate(self._errors(panel, paths), start=1):
            own, count = _row_quantiles(errors)
            weight = (count / (count + _OWN_ERRORS))[:, None]
            spread = np.where(count[:, None] > 0, weight * own + (1 - weight) * self._pooled[step - 1], self._pooled[step - 1])
            answer[:, step - 1] = paths[step - 1][:, -1:] + spread
        return answer

    def _paths(self, history: History, horizon: int) -> list[Floats]:
        return [self.path(history, step) for step in range(1, horizon + 1)]

    def _errors(self, panel: Panel, paths: list[Floats]) -> list[Floats]:
        """Past errors at each horizon, NaN where the price or the path is unknown."""
        log_price = panel.log_price
        seen = paths[: log_price.shape[1] - 1]
        errors = [log_price[:, s:] - path[:, :-s] for s, path in enumerate(seen, start=1)]
        return errors + [np.full((len(log_price), 1), np.nan)] * (len(paths) - len(seen))

    def save(self, folder: Path) -> None:
        if self._pooled is None:
            raise SettingsError(f"{self.name}: not fitted; fit it before saving")
        write_arrays(folder / "errors.npz", {"pooled": self._pooled})

    @classmethod
    def load(cls, folder: Path) -> Self:
        member = cls()
        stored = read_arrays(folder / "errors.npz")
        if "pooled" not in stored:
            raise ArtifactError(f"errors.npz: no array 'pooled'; train {cls.name} again")
        member._pooled = stored["pooled"]
        return member


def _row_quantiles(errors: Floats) -> tuple[Floats, Floats]:
    """Quantiles (N, 9) and count (N,) of each row's observed errors; NaN rows where there is none."""
    count = (~np.isnan(errors)).sum(axis=1)
    ordered = np.sort(errors, axis=1)
    rank = np.asarray(QUANTILES) * np.maximum(count - 1, 0)[:, None]
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)[:, None])
    low, high = np.take_along_axis(ordered, below, axis=1), np.take_along_axis(ordered, above, axis=1)
    return low + (rank - below) * (high - low), count.astype(np.float64)
