"""FeatureBlock: named, grouped float32 features over regions and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing.errors import DataError
from housing.panel import Floats

Columns = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

FROM_PRICE = ("momentum", "trend", "noise", "market")
"""Groups that every panel has; any other is the name of a covariate."""


@dataclass(frozen=True)
class FeatureBlock:
    """Features of N regions at T' columns; NaN is 'not known'.

    Attributes
    ----------
    values : float32 (N, T', F).
    names : length F, unique.
    groups : length F, the idea that a feature belongs to (momentum, trend, market, noise, sales...).
    """

    values: Features
    names: tuple[str, ...]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.shape[2:] != (len(self.names),) or len(self.groups) != len(self.names):
            raise DataError(f"features: {len(self.names)} names and {len(self.groups)} groups for {self.values.shape[2:]} columns")

    def at(self, columns: Columns) -> FeatureBlock:
        """The same features at some columns."""
        return FeatureBlock(self.values[:, columns], self.names, self.groups)

    def arranged(self, names: Sequence[str]) -> Features:
        """Values in the order of `names`, NaN for a name that the block lacks: a model's view of another panel."""
        position = {name: i for i, name in enumerate(self.names)}
        answer = np.full((*self.values.shape[:2], len(names)), np.nan, dtype=np.float32)
        for i, name in enumerate(names):
            if name in position:
                answer[..., i] = self.values[..., position[name]]
        return answer


class Collector:
    """Gathers features of some regions one at a time, so that a name and its values stand on one line; keeps the wanted columns only."""

    def __init__(self, regions: int, columns: Columns, periods: int) -> None:
        self._columns = slice(None) if np.array_equal(columns, np.arange(periods)) else columns
        self._shape = (regions, len(columns))
        self.values: list[Features] = []
        self.names: list[str] = []
        self.groups: list[str] = []

    def add(self, group: str, name: str, values: Floats) -> None:
        """One feature over all columns of the panel; `values` is (N, T)."""
        self.append(group, name, values[:, self._columns])

    def append(self, group: str, name: str, values: Floats | Features) -> None:
        """One feature at the wanted columns; `values` broadcasts to (N, T')."""
        kept = np.empty(self._shape, dtype=np.float32)
        kept[...] = values
        self.values.append(kept)
        self.names.append(name)
        self.groups.append(group)

    def stacked(self) -> Features:
        """All features, (N, T', F): a view, features first in memory."""
        return np.moveaxis(np.stack(self.values), 0, -1)
