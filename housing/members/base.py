"""The protocol of a member: one forecasting method of the ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

from housing.features.market import Market
from housing.panel import Floats, Panel


@runtime_checkable
class Member(Protocol):
    """`fit`, `predict`, `save`, `load`: nothing else is public.

    A member is constructed without arguments that matter to its loading: `save` writes all it needs.
    """

    name: ClassVar[str]
    REFIT_MONTHS: ClassVar[int]
    """A backtest fits the member anew this often, counted from January (a divisor of 12)."""

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Learn from a panel that ends at the origin (made by `Panel.until`). Deterministic for one seed."""
        ...

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:
        """Quantiles of the log price after the last column of `panel`.

        `market` is the cross-section that the regions belong to; by default `panel` itself. To forecast a few regions,
        or one that the training never saw, give `Market.of(the panel they belong to)`: a region of that panel then gets
        the very numbers that it gets when the whole panel is forecast.

        Returns float64 (N, horizon, 9) for `housing.forecast.QUANTILES`, finite, ascending along the last axis, for
        every region that has at least one price; NaN rows for regions without any. Regions need not be those of `fit`.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write files without pickle into `folder` (created). Two fits with one seed write identical bytes."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it is incomplete."""
        ...
