"""What every forecaster answers: quantile paths per region, and optionally a drawdown probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from housing.panel import Floats, Months

QUANTILES: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The levels that are trained, scored and stored. Others are interpolated on request."""

HORIZON_MONTHS = 12
"""The default horizon in months: 12 monthly or 4 quarterly periods."""


@dataclass(frozen=True)
class Forecast:
    """Quantile paths of N regions over H periods.

    Attributes
    ----------
    regions : tuple of str, length N.
    origin : datetime64[M], the last period whose price was known.
    dates : datetime64[M], shape (H,).
    levels : quantile levels, length Q, ascending.
    values : float64 (N, H, Q), price units, ascending along Q.
    drawdown_probability : float64 (N,), NaN where the region is already in a drawdown or has too little history.
    """

    regions: tuple[str, ...]
    origin: np.datetime64
    dates: Months
    levels: tuple[float, ...]
    values: Floats
    drawdown_probability: Floats
