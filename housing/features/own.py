"""Features of a region from its own past: momentum, trend, noise and the dynamics of each covariate."""

from __future__ import annotations

import numpy as np

from housing.features.block import Collector, Columns
from housing.features.regions import part
from housing.features.trend import Trend
from housing.features.windows import Trailing, change, forward_fill, lag
from housing.panel import Floats, Panel

_LEVEL_SPANS = (1, 3, 6, 12, 24, 36)
_MEAN_SPANS = (1, 3, 6)


def spans(months: tuple[int, ...], panel: Panel) -> dict[int, int]:
    """Span in periods -> span in months, without repeats: a quarter has no span of one month."""
    return {max(1, m // panel.months_per_period): m for m in sorted(months, reverse=True)}


def own_features(panel: Panel, trend: Trend, columns: Columns, rows: slice) -> Collector:
    """Features of the regions `rows` at `columns`, of each region alone.

    National series are left out: on neither panel did they lower the loss of an inner backtest.
    """
    panel, trend = part(panel, rows), trend.part(rows)
    collector = Collector(len(panel.regions), columns, len(panel.dates))
    _price_features(collector, panel, trend)
    for name, values in panel.covariates.items():
        _covariate_features(collector, panel, name, lag(values, panel.lags.get(name, 0)), group=name)
    return collector


def _price_features(collector: Collector, panel: Panel, trend: Trend) -> None:
    season, level, noise = panel.season, trend.level, trend.noise
    year = change(level, season)
    for span, months in spans(_LEVEL_SPANS, panel).items():
        growth = change(level, span)
        collector.add("momentum", f"growth_{months}m", growth)
        collector.add("momentum", f"growth_{months}m_in_noise", growth / noise)
    collector.add("momentum", "acceleration_12m", change(year, season))
    collector.add("momentum", "acceleration_6m", change(year, season // 2))
    observed = Trailing(trend.observed)
    for span, months in spans(_MEAN_SPANS, panel).items():
        mean = forward_fill(observed.mean(span))
        collector.add("momentum", f"mean_{months}m_yoy_in_noise", change(mean, season) / noise)
        collector.add("trend", f"mean_{months}m_from_level_in_noise", (mean - level) / noise)
    levels = Trailing(level)
    for years in (3, 5):
        collector.add("trend", f"level_from_{years}y_mean", level - levels.mean(years * season))
        collector.add("trend", f"drawdown_{years}y", level - levels.max(years * season))
    collector.add("noise", "log_noise", np.log(noise))
    collector.add("noise", "years_known", np.cumsum(~np.isnan(panel.price), axis=1) / season)


def _covariate_features(collector: Collector, panel: Panel, name: str, values: Floats, group: str) -> None:
    """Level and change of one covariate, already moved by its publication lag."""
    season = panel.season
    # Like a log for counts, like the value itself for rates, and defined for any sign: nothing to decide from the data.
    series = Trailing(np.sign(values) * np.log1p(np.abs(values)))
    stale = season // 2
    quarter = forward_fill(series.mean(max(1, season // 4)), stale)
    year = forward_fill(series.mean(season, minimum=season // 2), stale)
    collector.add(group, f"{name}_level", year)
    collector.add(group, f"{name}_yoy", change(quarter, season))
    collector.add(group, f"{name}_year_yoy", change(year, season))
    collector.add(group, f"{name}_year_6m", change(year, season // 2))
    collector.add(group, f"{name}_from_3y_mean", year - Trailing(year).mean(3 * season, minimum=season))
