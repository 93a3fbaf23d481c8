"""The trend follows a growth that goes on, forgets one that has ended, and says so with wider bands; gaps and company change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing.errors import ArtifactError, DataError
from housing.features import Market
from housing.members import load_member, make_member
from housing.members.holt import GRID, LocalTrend
from housing.panel import Panel


def panel_of(log_price: np.ndarray, frequency: str = "Q") -> Panel:
    step = 3 if frequency == "Q" else 1
    dates = np.datetime64("1980-01", "M") + np.arange(log_price.shape[1]) * step
    return Panel(tuple(f"r{i}" for i in range(len(log_price))), dates, frequency, np.exp(log_price))  # type: ignore[arg-type]


def smooth(regions: int = 12, periods: int = 100, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    growth = 0.01 + np.cumsum(generator.normal(0, 0.002, (regions, periods)), axis=1)
    return 10 + np.cumsum(growth, axis=1) + generator.normal(0, 0.002, (regions, periods))


def test_a_filter_by_hand_gives_the_same_level_and_growth() -> None:
    series, (gain, share, kept) = smooth(1, 30)[0], GRID[37]
    level, growth, damping = series[0], 0.0, kept**0.25
    for value in series[1:]:
        growth *= damping
        error = value - (level + growth)
        level, growth = level + growth + gain * error, growth + gain * share * error
    filtered = LocalTrend.of(series[None], GRID, 4)
    assert filtered.level[-1, 37, 0] == pytest.approx(level)
    assert filtered.growth[-1, 37, 0] == pytest.approx(growth)
    assert filtered.ahead(2)[-1, 37, 0] == pytest.approx(level + (damping + damping**2) * growth)


def test_a_gap_moves_the_level_by_its_growth_alone() -> None:
    series = smooth(1, 40)
    series[0, 25:] = np.nan
    filtered = LocalTrend.of(series, GRID[:1], 4)
    np.testing.assert_allclose(filtered.level[-1], filtered.ahead(15)[24], rtol=1e-12)


def test_a_growth_that_goes_on_is_followed() -> None:
    log_price = smooth()
    panel = panel_of(log_price)
    origin = panel.until(90)
    forecast = make_member("trend").fit(origin, 4).predict(origin, 4)
    naive = make_member("naive").fit(origin, 4).predict(origin, 4)
    actual = log_price[:, 94]
    assert np.abs(forecast[:, 3, 4] - actual).mean() < 0.6 * np.abs(naive[:, 3, 4] - actual).mean()


def test_bands_widen_soon_after_errors_have_grown() -> None:
    generator = np.random.default_rng(4)
    calm = smooth(regions=20)
    wild = calm.copy()
    wild[:10, 92:] += np.cumsum(generator.normal(0, 0.03, (10, 8)), axis=1)
    member = make_member("trend").fit(panel_of(calm), 4)
    market = Market.of(panel_of(calm))

    def width(values: np.ndarray) -> np.ndarray:
        forecast = member.predict(panel_of(values), 4, market)
        return np.asarray(forecast[:, 3, -1] - forecast[:, 3, 0])

    assert (width(wild)[:10] > 1.3 * width(calm)[:10]).all()
    np.testing.assert_array_equal(width(wild)[10:], width(calm)[10:])


def test_many_regions_are_forecast_in_blocks_as_they_are_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(smooth(11))
    member = make_member("trend").fit(panel, 4)
    whole = member.predict(panel, 4)
    monkeypatch.setattr("housing.members.trend._MOST_REGIONS", 3)
    np.testing.assert_array_equal(member.predict(panel, 4), whole)


def test_two_years_of_history_teach_nothing_and_the_error_says_so() -> None:
    with pytest.raises(DataError, match="9"):
        make_member("trend").fit(panel_of(smooth(3, 8)), 4)


def test_a_file_without_its_arrays_is_refused(tmp_path: Path) -> None:
    from housing.members.store import write_arrays

    write_arrays(tmp_path / "trend.npz", {"settings": GRID[:1]})
    with pytest.raises(ArtifactError, match="weights"):
        load_member("trend", tmp_path)
