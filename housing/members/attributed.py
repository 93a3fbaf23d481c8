"""Attributed: pooled models whose median is a sum over their features, so that they can say what moved it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from housing.errors import SettingsError
from housing.features.block import Features
from housing.features.market import Market
from housing.forecast import QUANTILES
from housing.members.pooled import Pooled
from housing.members.rows import STEP_FEATURES, RowSource
from housing.panel import Floats, Panel

MEDIAN = QUANTILES.index(0.5)
SEASON = "season"
"""The group of the features that depend on the step ahead."""


@dataclass(frozen=True)
class Attribution:
    """The median of the log price at one step ahead, taken apart: path + constant + the sum of `parts`.

    Attributes
    ----------
    path : (N,) level of the last year and season of the target's period.
    constant : (N,) what the model adds for a region of average features.
    parts : (N, F) what each feature adds.
    groups : length F, the group of each feature.
    """

    path: Floats
    constant: Floats
    parts: Floats
    groups: tuple[str, ...]


class Attributed(Pooled):
    """A subclass says how its median of the target is a sum over features: Shapley values of trees, terms of a regression."""

    def attribute(self, panel: Panel, step: int, market: Market | None = None) -> Attribution:
        """The median `step` periods after the last column of `panel`, taken apart; `market` as in `predict`."""
        if self._growth is None or step > self._horizon:
            raise SettingsError(f"step {step}: {self.name} is fitted for {self._horizon}; fit it for a longer horizon")
        source = RowSource.of(panel, np.array([len(panel.dates) - 1]), step, market)
        features = source.matrix(self._names, np.arange(len(panel.regions)) * step + step - 1)
        parts = self._median_parts(features) + self._growth.parts(features)
        scaled = parts * source.noise[:, :1]
        group = dict(zip(source.block.names, source.block.groups, strict=True))
        groups = (*(group.get(name, name) for name in self._names), *[SEASON] * len(STEP_FEATURES))
        return Attribution(source.base[:, 0, -1], scaled[:, -1], scaled[:, :-1], groups)

    def _median_parts(self, features: Features) -> Floats:
        """What each feature adds to the median of the target, and the constant last: (R, F + 1)."""
        raise NotImplementedError
