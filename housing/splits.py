"""Rolling origins and the purge: which rows may be learned from at an origin, and the refusal of every other split.

A row at period t carries a label that is known only at t + horizon. It may be learned from at the origin s only if
t + horizon <= s. Random folds break that rule: neighbouring rows share most of their label window, so a model that
memorises them reaches an AUC near 1 on rows that it has in effect seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from housing.errors import SettingsError
from housing.panel import Panel

Columns = npt.NDArray[np.int64]


def rolling_origins(
    panel: Panel,
    horizon: int,
    every: int,
    *,
    count: int | None = None,
    start: str | None = None,
    end: str | None = None,
) -> list[int]:
    """Columns of origins `every` periods apart, ascending, each with its whole horizon inside the panel.

    Counted back from `end` (by default the last column with a whole horizon after it): `count` of them, or as many as
    reach back to `start`. Errors: SettingsError when there is not room for them.
    """
    if every < 1 or horizon < 1:
        raise SettingsError(f"origins: every {every} and horizon {horizon} must be 1 period or more")
    if (count is None) == (start is None):
        raise SettingsError("origins: give either their count or the first date")
    latest = len(panel.dates) - 1 - horizon
    last = latest if end is None else min(panel.index(end), latest)
    first = last - every * ((count or 1) - 1) if start is None else panel.index(start)
    origins = list(range(last, max(first, 0) - 1, -every))[::-1]
    if not origins or (count is not None and len(origins) < count):
        raise SettingsError(
            f"origins: {len(panel.dates)} periods leave room for {len(origins)} of them; ask for fewer or a shorter horizon"
        )
    return origins


def matured(origins: Iterable[int], at: int, horizon: int, lag: int = 0) -> list[int]:
    """The origins whose whole future was known at column `at`, when prices are known `lag` periods late."""
    return [origin for origin in origins if origin + horizon + lag <= at]


def refuse_leak(train: Sequence[int] | Columns, test: Sequence[int] | Columns, horizon: int) -> None:
    """SettingsError when a training column's label window reaches past the first test column."""
    if len(train) == 0 or len(test) == 0:
        return
    last, first = int(np.max(train)), int(np.min(test))
    if last + horizon > first:
        raise SettingsError(
            f"split: training column {last} has a label that is known at {last + horizon}, after the test column {first}; "
            "random or unpurged folds leak the future: learn from `matured` origins"
        )
