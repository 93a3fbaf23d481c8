"""Panel: prices and covariates of many regions on one regular calendar, with publication lags.

A member never sees a date: it gets a panel that ends at the origin. `Panel.until` is the only way to make one,
so publication lags and the absence of the future hold in one place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from housing.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Months = npt.NDArray[np.datetime64]
Frequency = Literal["M", "Q"]

MONTHS_PER_PERIOD: Mapping[str, int] = {"M": 1, "Q": 3}
PERIODS_PER_YEAR: Mapping[str, int] = {"M": 12, "Q": 4}

FACTS_NAME, ARRAYS_NAME = "panel.json", "panel.npz"
PARTS = "panel-*.npz"
"""The arrays of a panel in parts: each file some of the regions, in the order of their names; see `housing.shards`."""
NATIONAL = "national."


@dataclass(frozen=True)
class Panel:
    """Arrays over regions x periods; NaN is 'not observed'.

    Attributes
    ----------
    regions : tuple of str, length N, unique.
    dates : datetime64[M], shape (T,), regular: the first month of each period.
    frequency : "M" (monthly) or "Q" (quarterly).
    price : float64, shape (N, T), in the price unit of the source; positive or NaN.
    covariates : name -> float64 (N, T), dated by reference period.
    national : name -> float64 (T,), the same for all regions.
    lags : covariate or national name -> publication lag in periods relative to the price (0 when absent):
        at the origin t the newest value that may be known is that of t - lag.
    """

    regions: tuple[str, ...]
    dates: Months
    frequency: Frequency
    price: Floats
    covariates: Mapping[str, Floats] = field(default_factory=dict)
    national: Mapping[str, Floats] = field(default_factory=dict)
    lags: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.regions), len(self.dates))
        if len(set(self.regions)) != len(self.regions):
            raise DataError("region: names must be unique; merge or rename the duplicates")
        for name, array in (("price", self.price), *self.covariates.items()):
            if array.shape != shape:
                raise DataError(f"{name}: shape {array.shape} does not fit {shape} (regions, periods)")
        for name, series in self.national.items():
            if series.shape != shape[1:]:
                raise DataError(f"{name}: shape {series.shape} does not fit {shape[1:]} (periods)")
        unknown = set(self.lags) - set(self.covariates) - set(self.national)
        if unknown:
            raise DataError(f"lag {min(unknown)}: no such covariate; there are {sorted([*self.covariates, *self.national])}")
        if any(lag < 0 for lag in self.lags.values()):
            raise DataError("lag: must be 0 or more periods")

    @property
    def season(self) -> int:
        """Periods per year: 12 or 4."""
        return PERIODS_PER_YEAR[self.frequency]

    @property
    def months_per_period(self) -> int:
        return MONTHS_PER_PERIOD[self.frequency]

    @property
    def log_price(self) -> Floats:
        """log(price), shape (N, T)."""
        return np.log(self.price)

    def index(self, date: str | np.datetime64) -> int:
        """Column of the period that holds `date`; DataError when the panel does not reach it."""
        month = np.array(date, dtype="datetime64[M]")[()]
        column = int((month - self.dates[0]).astype(int)) // self.months_per_period if len(self.dates) else -1
        if not 0 <= column < len(self.dates):
            span = f"{self.dates[0]}..{self.dates[-1]}" if len(self.dates) else "nothing"
            raise DataError(f"date {month}: outside the panel, which covers {span}")
        return column

    def until(self, origin: int) -> Panel:
        """What was known at column `origin`: prices up to it, each covariate up to its publication lag.

        Lagged columns are NaN, not removed, so that all arrays keep one calendar.
        """
        if not 0 <= origin < len(self.dates):
            raise DataError(f"origin {origin}: the panel has columns 0..{len(self.dates) - 1}")
        end = origin + 1

        def known(name: str, values: Floats) -> Floats:
            lag = self.lags.get(name, 0)
            cut = values[..., :end]
            if lag:
                cut = cut.copy()
                cut[..., max(0, end - lag) :] = np.nan
            return cut

        return replace(
            self,
            dates=self.dates[:end],
            price=self.price[:, :end],
            covariates={name: known(name, values) for name, values in self.covariates.items()},
            national={name: known(name, values) for name, values in self.national.items()},
        )

    def select(self, regions: list[str] | tuple[str, ...]) -> Panel:
        """The named regions in the named order; DataError names the first that is unknown."""
        position = {name: i for i, name in enumerate(self.regions)}
        missing = [name for name in regions if name not in position]
        if missing:
            raise DataError(f"region {missing[0]!r}: not in the panel; it has {len(self.regions)}, e.g. {self.regions[0]!r}")
        rows = [position[name] for name in regions]
        return replace(
            self,
            regions=tuple(regions),
            price=self.price[rows],
            covariates={name: values[rows] for name, values in self.covariates.items()},
        )

    def without_covariates(self) -> Panel:
        """The prices alone."""
        return replace(self, covariates={}, national={}, lags={})

    def future_dates(self, horizon: int) -> Months:
        """The `horizon` period starts after the last one, shape (H,)."""
        steps = np.arange(1, horizon + 1) * self.months_per_period
        return np.asarray(self.dates[-1] + steps)

    def save(self, folder: Path) -> None:
        """Write `panel.npz` (arrays) and `panel.json` (names, calendar, lags) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.save_arrays(folder / ARRAYS_NAME)
        self.save_facts(folder)

    def save_facts(self, folder: Path) -> None:
        """Write `panel.json` alone."""
        (folder / FACTS_NAME).write_text(json.dumps(self._facts(), indent=1) + "\n")

    def save_arrays(self, path: Path) -> None:
        """Write the arrays alone; the same panel gives the same bytes."""
        np.savez_compressed(path, allow_pickle=False, **self._arrays())

    def digest(self) -> str:
        """Hash of names, calendar, lags and every value, in their order: the same however the panel is laid out in files."""
        found = hashlib.sha256(json.dumps(self._facts()).encode())
        for name, values in self._arrays().items():
            found.update(f"\0{name}\0".encode() + np.ascontiguousarray(values, dtype="<f8").data)
        return found.hexdigest()

    def _arrays(self) -> dict[str, Floats]:
        arrays = {"price": self.price}
        arrays |= {f"covariate.{name}": values for name, values in self.covariates.items()}
        arrays |= {f"{NATIONAL}{name}": values for name, values in self.national.items()}
        return arrays

    def _facts(self) -> dict[str, Any]:
        return {
            "regions": list(self.regions),
            "first": str(self.dates[0]),
            "periods": len(self.dates),
            "frequency": self.frequency,
            "lags": dict(self.lags),
        }

    @classmethod
    def load(cls, folder: Path) -> Panel:
        """Read what `save` wrote, or what `housing.shards` left in parts; DataError when a file is absent or unreadable."""
        try:
            facts = json.loads((folder / FACTS_NAME).read_text())
            parts = [] if (folder / ARRAYS_NAME).is_file() else sorted(folder.glob(PARTS))
            arrays = _joined([read_arrays(path) for path in parts or [folder / ARRAYS_NAME]])
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"panel in {folder.name}: {error}; write it again with Panel.save") from error
        return cls.of_stored(facts, arrays)

    @classmethod
    def of_stored(cls, facts: Mapping[str, Any], arrays: Mapping[str, Floats]) -> Panel:
        """The panel of the content of `panel.json` and of arrays by their names in `panel.npz`."""
        step = MONTHS_PER_PERIOD[facts["frequency"]]
        return cls(
            regions=tuple(facts["regions"]),
            dates=np.datetime64(facts["first"], "M") + np.arange(facts["periods"]) * step,
            frequency=facts["frequency"],
            price=arrays["price"],
            covariates={k.removeprefix("covariate."): v for k, v in arrays.items() if k.startswith("covariate.")},
            national={k.removeprefix(NATIONAL): v for k, v in arrays.items() if k.startswith(NATIONAL)},
            lags=facts["lags"],
        )

    def to_frame(self) -> pd.DataFrame:
        """Long table `region,date,price[,covariate...]`, one row per region and period (national series repeated)."""
        import pandas as pd

        count, length = self.price.shape
        columns: dict[str, object] = {
            "region": np.repeat(np.array(self.regions, dtype=object), length),
            "date": np.tile(self.dates.astype("datetime64[ns]"), count),
            "price": self.price.ravel(),
        }
        columns |= {name: values.ravel() for name, values in self.covariates.items()}
        columns |= {name: np.tile(values, count) for name, values in self.national.items()}
        return pd.DataFrame(columns)


def read_arrays(path: Path) -> dict[str, Floats]:
    """The arrays of a file by name; OSError or ValueError when it is absent or unreadable."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _joined(parts: Sequence[Mapping[str, Floats]]) -> Mapping[str, Floats]:
    """The arrays of parts that follow each other by region; national series are the same in all."""
    if len(parts) == 1:
        return parts[0]
    return {
        name: values if name.startswith(NATIONAL) else np.concatenate([part[name] for part in parts]) for name, values in parts[0].items()
    }
