"""Accuracy and honesty of quantile forecasts, cell by cell: an axis each for origins O, regions N and horizons H.

Scaled quantile loss and MASE as in Shchur et al. (2023, arXiv 2308.05566) and the fev benchmark: losses in price units
over the in-sample error of the seasonal naive forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing.panel import Floats

Values = npt.NDArray[np.floating]

MINIMUM_HISTORY = 36
"""Observed prices that a region needs before its errors can be scaled."""


@dataclass(frozen=True)
class Cells:
    """One number per origin, region and horizon, (O, N, H); NaN where it cannot be scored.

    Attributes
    ----------
    actual : price that was observed.
    quantile_loss : mean over the levels of 2 x pinball loss, price units.
    scaled_loss : `quantile_loss` over the seasonal-naive scale of its region and origin.
    scaled_error : |actual - median| over the same scale.
    covered : 1 where the actual lies within the outermost levels, else 0.
    width : log of upper over lower outermost level.
    """

    actual: Floats
    quantile_loss: Floats
    scaled_loss: Floats
    scaled_error: Floats
    covered: Floats
    width: Floats


def pinball_loss(actual: Values, quantiles: Values, levels: Sequence[float]) -> Values:
    """Pinball loss of `quantiles` (..., Q) against `actual` (...): max(q (y - x), (q - 1) (y - x))."""
    level = np.asarray(levels)
    error = actual[..., None] - quantiles
    return np.asarray(np.maximum(level * error, (level - 1) * error))


def seasonal_naive_scale(price: Floats, season: int) -> Floats:
    """Mean absolute change over one year of the prices known so far: (N, T) -> (N,).

    Gaps are filled between observations on the log scale and carried forward at the end: all of it is history at the
    origin. NaN with fewer than 36 observations or without two years that overlap.
    """
    level = _filled(price)
    change = np.abs(level[:, season:] - level[:, :-season]) if price.shape[1] > season else np.full((len(price), 1), np.nan)
    known = np.isfinite(change)
    enough = (np.isfinite(price).sum(1) >= MINIMUM_HISTORY) & known.any(1)
    return np.where(enough, np.where(known, change, 0.0).sum(1) / np.maximum(known.sum(1), 1), np.nan)


def score_cells(
    price: Floats, origins: Sequence[int] | npt.NDArray[np.int64], values: Values, levels: Sequence[float], season: int
) -> Cells:
    """Score log-price quantiles (O, N, H, Q) against prices (N, T) that were observed after each origin.

    Quantiles are sorted first, as any reader of them would. Periods beyond the panel are not scored.
    """
    horizon = values.shape[2]
    padded = np.pad(price, ((0, 0), (0, horizon)), constant_values=np.nan)
    steps = np.asarray(origins)[:, None] + np.arange(1, horizon + 1)
    actual = padded[:, steps].transpose(1, 0, 2)
    scale = np.stack([seasonal_naive_scale(price[:, : origin + 1], season) for origin in origins])[:, :, None]
    scale = np.where(scale > 0, scale, np.nan)
    logs = np.sort(values.astype(np.float64), axis=-1)
    quantiles = np.exp(logs)
    loss = 2 * pinball_loss(actual, quantiles, levels).mean(-1)
    scored = np.isfinite(loss) & np.isfinite(scale)
    middle = int(np.argmin(np.abs(np.asarray(levels) - 0.5)))
    inside = (actual >= quantiles[..., 0]) & (actual <= quantiles[..., -1])

    def keep(cells: Values) -> Floats:
        return np.where(scored, cells, np.nan)

    return Cells(
        actual=keep(actual),
        quantile_loss=keep(loss),
        scaled_loss=keep(loss / scale),
        scaled_error=keep(np.abs(actual - quantiles[..., middle]) / scale),
        covered=keep(inside.astype(np.float64)),
        width=keep(logs[..., -1] - logs[..., 0]),
    )


def region_origin_mean(cells: Floats) -> Floats:
    """Mean over the scored horizons, (O, N, H) -> (O, N); NaN where none was scored."""
    known = np.isfinite(cells)
    count = known.sum(-1)
    return np.where(count > 0, np.where(known, cells, 0.0).sum(-1) / np.maximum(count, 1), np.nan)


def weighted_quantile_loss(cells: Cells) -> float:
    """Pooled quantile loss over the sum of actual prices; NaN without any scored cell."""
    total = float(np.nansum(cells.actual))
    return float(np.nansum(cells.quantile_loss)) / total if total > 0 else float("nan")


def _filled(price: Floats) -> Floats:
    """Gaps interpolated between observations on the log scale, the last observation carried forward, (N, T)."""
    columns = np.arange(price.shape[1])
    observed = np.isfinite(price)
    logs = np.log(np.where(observed, price, 1.0))
    before = np.maximum.accumulate(np.where(observed, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(observed, columns, price.shape[1])[:, ::-1], axis=1)[:, ::-1]
    right = np.where(after < price.shape[1], after, before)
    left_log = np.take_along_axis(logs, np.maximum(before, 0), axis=1)
    right_log = np.take_along_axis(logs, np.maximum(right, 0), axis=1)
    share = np.where(right > before, (columns - before) / np.maximum(right - before, 1), 0.0)
    return np.where(before >= 0, np.exp(left_log + share * (right_log - left_log)), np.nan)
