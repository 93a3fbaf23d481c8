"""What the pooled models share: one model for all regions and steps ahead, trained on a sample of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from housing.errors import ArtifactError, DataError, SettingsError
from housing.features.block import FROM_PRICE, Features
from housing.features.market import Market
from housing.forecast import QUANTILES
from housing.members.expected_growth import ExpectedGrowth
from housing.members.rows import RowSource
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel

_CLIP = 12.0
"""Targets beyond this many noises are data errors more often than prices."""


class Pooled:
    """Base of the models that learn from all regions at once; a subclass trains, predicts and stores the model proper."""

    name: ClassVar[str]
    REFIT_MONTHS: ClassVar[int] = 6
    WIDE_BASE: ClassVar[bool] = True
    """Whether a regression on every feature moves the base path: not for a member that is one itself."""

    def __init__(
        self,
        seed: int = 0,
        rows: int = 10_000,
        half_life_years: float = 8.0,
        unknown_share: float = 0.05,
        without: Sequence[str] = (),
    ) -> None:
        """`rows` are sampled for training; a row weighs half when it is `half_life_years` older; `unknown_share` of
        them have their covariates hidden, so that a region that comes without any is no surprise; groups of features
        `without` which the model has to do."""
        self.seed = seed
        self.rows = rows
        self.half_life_years = half_life_years
        self.unknown_share = unknown_share
        self.without = tuple(without)
        self._horizon = 0
        self._season = 0
        self._names: tuple[str, ...] = ()
        self._growth: ExpectedGrowth | None = None

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Train on rows whose target was observed by the end of `panel`; DataError when there are none."""
        columns = np.arange(panel.season, len(panel.dates) - 1)
        if not len(columns):
            raise DataError(f"panel: {len(panel.dates)} periods are too few to train {self.name}; it needs more than {panel.season + 1}")
        source = RowSource.of(panel, columns, horizon)
        target = source.target(panel).ravel()
        seen = np.nonzero(np.isfinite(target))[0]
        if not len(seen):
            raise DataError(f"panel: no price is observed after its first year; {self.name} has nothing to learn from")
        generator = np.random.default_rng(self.seed)
        chosen = np.sort(generator.choice(seen, self.rows, replace=False)) if len(seen) > self.rows else seen
        kept = [i for i, group in enumerate(source.block.groups) if group not in self.without]
        self._horizon, self._season, self._names = horizon, panel.season, tuple(source.block.names[i] for i in kept)
        features = source.matrix(self._names, chosen)
        self._hide_covariates(features, [source.block.groups[i] for i in kept], generator)
        age = (columns[-1] - columns[np.unravel_index(chosen, source.base.shape)[1]]) / panel.season
        weight = 0.5 ** (age / self.half_life_years)
        known = np.clip(target[chosen], -_CLIP, _CLIP)
        self._growth = ExpectedGrowth.fit(features, self._names, known, weight, wide=self.WIDE_BASE)
        self._train(features, known - self._growth(features), weight)
        return self

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:
        """Quantiles of the log price, float64 (N, horizon, 9)."""
        if self._growth is None or horizon > self._horizon:
            raise SettingsError(f"horizon {horizon}: {self.name} is fitted for {self._horizon}; fit it for a longer one")
        if panel.season != self._season:
            raise SettingsError(
                f"frequency {panel.frequency}: {self.name} is fitted for {self._season} periods a year; give that or fit again"
            )
        source = RowSource.of(panel, np.array([len(panel.dates) - 1]), horizon, market)
        features = source.matrix(self._names)
        answer: Floats = source.restore(self._quantiles(features) + self._growth(features)[:, None])[:, 0]
        return answer

    def save(self, folder: Path) -> None:
        if self._growth is None:
            raise SettingsError(f"{self.name}: not fitted; fit it before saving")
        facts = {
            "horizon": self._horizon,
            "season": self._season,
            "features": list(self._names),
            "growth": self._growth.to_json(),
            "levels": list(QUANTILES),
        }
        write_json(folder / "member.json", facts)
        self._save_model(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts = read_json(folder / "member.json")
        member = cls()
        try:
            member._horizon, member._season = int(facts["horizon"]), int(facts["season"])
            member._names = tuple(facts["features"])
            member._growth = ExpectedGrowth.from_json(facts["growth"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"member.json: {error!r}; train {cls.name} again") from error
        member._load_model(folder)
        return member

    def _hide_covariates(self, features: Features, groups: Sequence[str], generator: np.random.Generator) -> None:
        """Set every covariate feature to NaN in a share of the rows, in place."""
        hidden = np.nonzero(generator.random(len(features)) < self.unknown_share)[0]
        columns = np.nonzero([group not in FROM_PRICE for group in groups])[0]
        features[hidden[:, None], columns] = np.nan

    def _train(self, features: Features, target: Floats, weight: Floats) -> None:
        raise NotImplementedError

    def _quantiles(self, features: Features) -> npt.NDArray[Any]:
        """Quantiles (R, 9) of the target."""
        raise NotImplementedError

    def _save_model(self, folder: Path) -> None:
        raise NotImplementedError

    def _load_model(self, folder: Path) -> None:
        raise NotImplementedError
