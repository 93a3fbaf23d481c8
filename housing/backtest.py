"""Rolling-origin backtest: what each member would have said at each origin, knowing only what was known then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from housing.errors import ArtifactError, DataError, SettingsError
from housing.forecast import QUANTILES
from housing.members import make_member, member_class
from housing.members.base import Member
from housing.members.store import read_arrays, write_arrays
from housing.panel import Floats, Panel

Origins = npt.NDArray[np.int64]
Quantiles = npt.NDArray[np.float32]

Fit = Callable[[str, int, Callable[[], Member]], Member]
"""Name, column, what trains -> the fitted member."""

MINIMUM_YEARS = 3
"""An origin needs this many years of history before it."""


@dataclass(frozen=True)
class Backtest:
    """Forecasts at O origins for N regions over H periods.

    Attributes
    ----------
    regions : tuple of str, length N.
    origins : int64 (O,), ascending columns of the panel: the last one whose price was known.
    horizon : H.
    values : member -> float32 (O, N, H, 9), quantiles of the log price; NaN where a region had no forecast.
    drawdown : method -> float64 (O, N), probability of a drawdown; NaN where the region was not at risk.
    """

    regions: tuple[str, ...]
    origins: Origins
    horizon: int
    values: Mapping[str, Quantiles]
    drawdown: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = (len(self.origins), len(self.regions))
        for name, values in self.values.items():
            if values.shape != (*count, self.horizon, len(QUANTILES)):
                raise DataError(f"backtest of {name}: shape {values.shape} does not fit {(*count, self.horizon, len(QUANTILES))}")
        for name, probability in self.drawdown.items():
            if probability.shape != count:
                raise DataError(f"backtest drawdown of {name}: shape {probability.shape} does not fit {count}")
        if np.any(np.diff(self.origins) <= 0):
            raise DataError("backtest origins: must ascend without a repeat")

    def select_origins(self, origins: Iterable[int]) -> Self:
        """The backtest at some of its origins; DataError names the first that it lacks."""
        wanted = sorted({int(o) for o in origins})
        position = {int(o): i for i, o in enumerate(self.origins)}
        missing = [o for o in wanted if o not in position]
        if missing:
            raise DataError(f"origin column {missing[0]}: not in the backtest, which has {len(self.origins)} origins")
        rows = [position[o] for o in wanted]
        return replace(
            self,
            origins=np.array(wanted, dtype=np.int64),
            values={name: values[rows] for name, values in self.values.items()},
            drawdown={name: values[rows] for name, values in self.drawdown.items()},
        )

    def save(self, path: Path) -> None:
        """Write one `.npz`; the same forecasts give the same bytes."""
        arrays: dict[str, np.ndarray] = {
            "regions": np.array(self.regions, dtype=np.str_),
            "origins": self.origins,
            "horizon": np.array(self.horizon),
        }
        arrays |= {f"values.{name}": values for name, values in self.values.items()}
        arrays |= {f"drawdown.{name}": values for name, values in self.drawdown.items()}
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it is incomplete."""
        arrays = read_arrays(path)
        missing = {"regions", "origins", "horizon"} - arrays.keys()
        if missing:
            raise ArtifactError(f"{path.name}: no array {min(missing)!r}; run the backtest again")
        return cls(
            regions=tuple(arrays["regions"].tolist()),
            origins=arrays["origins"],
            horizon=int(arrays["horizon"]),
            values={name.removeprefix("values."): v for name, v in arrays.items() if name.startswith("values.")},
            drawdown={name.removeprefix("drawdown."): v for name, v in arrays.items() if name.startswith("drawdown.")},
        )


def merge(backtests: Sequence[Backtest]) -> Backtest:
    """Several members' backtests of one plan as one; members come in sorted order, whatever the order of the files."""
    if not backtests:
        raise SettingsError("backtest: nothing to merge; give at least one")
    first = backtests[0]
    for other in backtests[1:]:
        if other.regions != first.regions or other.horizon != first.horizon or not np.array_equal(other.origins, first.origins):
            raise DataError("backtest: regions, origins and horizon must be those of one plan; run Prepare and the Train steps again")
    values = {name: array for b in backtests for name, array in b.values.items()}
    drawdown = {name: array for b in backtests for name, array in b.drawdown.items()}
    return replace(first, values=dict(sorted(values.items())), drawdown=dict(sorted(drawdown.items())))


def join_origins(backtests: Sequence[Backtest]) -> Backtest:
    """Backtests of the same members at different origins as one, in the order of the origins."""
    if not backtests:
        raise SettingsError("backtest: nothing to join; give at least one")
    first = backtests[0]
    order = np.argsort(np.concatenate([b.origins for b in backtests]), kind="stable")
    return replace(
        first,
        origins=np.concatenate([b.origins for b in backtests])[order],
        values={name: np.concatenate([b.values[name] for b in backtests])[order] for name in first.values},
        drawdown={name: np.concatenate([b.drawdown[name] for b in backtests])[order] for name in first.drawdown},
    )


@dataclass(frozen=True)
class Progress:
    """One finished origin: `done` of `total` pairs of member and origin, and the forecasts of the members at it."""

    done: int
    total: int
    member: str
    origin: int


def fit_origin(panel: Panel, origin: int, every_months: int) -> int:
    """Column at which the model behind the forecast of `origin` is fitted: the newest on a fixed calendar.

    The calendar counts months from January, so the forecast of an origin depends on the origin alone: not on which
    other origins are asked for, nor on where an interrupted backtest was taken up again.
    """
    month = int(panel.dates[origin].astype("datetime64[M]").astype(np.int64)) % 12
    return origin - (month % every_months) // panel.months_per_period


def run_backtest(
    panel: Panel,
    members: Sequence[str],
    origins: Sequence[int] | Origins,
    horizon: int,
    *,
    seed: int = 0,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    completed: Backtest | None = None,
    on_origin: Callable[[Backtest], None] | None = None,
    fit: Fit = lambda _name, _column, train: train(),
) -> Backtest:
    """Forecast from every origin with every member.

    At an origin o a member sees `panel.until(o)` alone. It is fitted at `fit_origin(panel, o, REFIT_MONTHS)` (a class
    attribute of the member: slow members refit rarely) and predicts from o.

    `settings` maps a member to the hyperparameters of its constructor; `completed` is a backtest of the same members
    whose origins are not computed again; `on_origin` is called after each origin with its forecasts, for a checkpoint;
    `fit` is called for each fit with the member's name, the last column that it sees and what trains it, and returns the
    fitted member: the one that `train` makes, or an equal one that was kept.

    Errors: SettingsError on an unknown member, DataError on an origin outside the panel or with too short a history.
    """
    wanted = np.unique(np.asarray(origins, dtype=np.int64))
    _check(panel, wanted, horizon)
    finished = [] if completed is None else [_kept(completed, panel, members, wanted, horizon)]
    known = set() if completed is None else {int(o) for o in finished[0].origins}
    fitted: dict[str, tuple[int, Member]] = {}
    done = len(known) * len(members)
    for origin in (int(o) for o in wanted if int(o) not in known):
        values: dict[str, Quantiles] = {}
        for name in members:
            hyperparameters = (settings or {}).get(name, {})
            start = max(fit_origin(panel, origin, member_class(name).REFIT_MONTHS), first_origin(panel, horizon))
            if fitted.get(name, (-1, None))[0] != start:
                fresh = make_member(name, seed, **hyperparameters)
                fitted[name] = (start, fit(name, start, partial(fresh.fit, panel.until(start), horizon)))
            forecast = fitted[name][1].predict(panel.until(origin), horizon)
            values[name] = forecast.astype(np.float32)[None]
            done += 1
            if on_progress:
                on_progress(Progress(done, len(wanted) * len(members), name, origin))
        finished.append(Backtest(panel.regions, np.array([origin]), horizon, values))
        if on_origin:
            on_origin(finished[-1])
    return join_origins(finished)


def first_origin(panel: Panel, horizon: int) -> int:
    """First column that may be an origin."""
    return MINIMUM_YEARS * panel.season + horizon - 1


def _check(panel: Panel, origins: Origins, horizon: int) -> None:
    if horizon < 1:
        raise SettingsError(f"horizon {horizon}: must be 1 or more periods")
    if not len(origins):
        raise SettingsError("origins: none given; give at least one")
    first = first_origin(panel, horizon)
    if first >= len(panel.dates):
        raise DataError(f"panel: {len(panel.dates)} periods; a backtest over {horizon} needs at least {first + 1}")
    if origins[0] < first:
        shown = panel.dates[max(origins[0], 0)]
        raise DataError(f"origin {shown}: too little history before it; the first that can be used is {panel.dates[first]}")
    if origins[-1] >= len(panel.dates):
        raise DataError(f"origin column {origins[-1]}: the panel has {len(panel.dates)} periods")


def _kept(completed: Backtest, panel: Panel, members: Sequence[str], origins: Origins, horizon: int) -> Backtest:
    """The part of `completed` that belongs to this backtest; DataError when it is of another one."""
    if completed.regions != panel.regions or completed.horizon != horizon or set(completed.values) != set(members):
        raise DataError("backtest checkpoint: of other regions, members or another horizon; delete it and start again")
    kept = completed.select_origins(o for o in completed.origins if o in origins)
    return replace(kept, values={name: kept.values[name] for name in members})
