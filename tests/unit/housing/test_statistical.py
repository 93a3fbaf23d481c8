"""The statistical member answers for every history, forecasts alone what it forecasts in company, and follows its series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing.errors import ArtifactError, SettingsError
from housing.features.market import Market
from housing.members import load_member, make_member
from housing.members.statistical import Statistical
from housing.panel import Floats, Panel


def panel_of(price: Floats, frequency: str = "M") -> Panel:
    step = {"M": 1, "Q": 3}[frequency]
    dates = np.datetime64("2000-01", "M") + np.arange(price.shape[1]) * step
    return Panel(tuple(f"r{i}" for i in range(len(price))), dates, frequency, price)  # type: ignore[arg-type]


def random_panel(frequency: str = "M", regions: int = 4, periods: int = 60) -> Panel:
    noise = np.random.default_rng(1).normal(0.004, 0.02, (regions, periods))
    return panel_of(1e5 * np.exp(np.cumsum(noise, axis=1)), frequency)


@pytest.mark.parametrize("frequency", ["M", "Q"])
def test_every_region_with_a_price_has_an_ascending_finite_path(frequency: str) -> None:
    panel = random_panel(frequency, regions=6)
    panel.price[0, 20:27] = np.nan
    panel.price[1, :-1] = np.nan
    panel.price[2, :-5] = np.nan
    panel.price[3] = 2e5
    panel.price[4] = np.nan
    answer = Statistical().fit(panel, 12).predict(panel, 12)
    assert answer.shape == (6, 12, 9)
    assert np.isnan(answer[4]).all()
    rest = np.delete(answer, 4, axis=0)
    assert np.isfinite(rest).all()
    assert (np.diff(rest, axis=-1) >= 0).all()


def test_a_region_alone_gets_the_numbers_that_it_gets_in_company() -> None:
    panel = random_panel()
    member = Statistical().fit(panel, 6)
    alone = member.predict(panel.select(["r2"]), 6, Market.of(panel))
    np.testing.assert_array_equal(alone[0], member.predict(panel, 6)[2])


def test_a_season_comes_back() -> None:
    months = np.arange(72)
    season = 0.05 * np.sin(months * np.pi / 6)
    noise = np.random.default_rng(2).normal(0, 0.005, (3, 72))
    panel = panel_of(1e5 * np.exp(season + noise))
    median = Statistical().fit(panel, 12).predict(panel, 12)[:, :, 4] - np.log(1e5)
    assert np.abs(median - season[:12]).max() < 0.03


def test_the_growth_of_a_smooth_series_goes_on_and_fades() -> None:
    noise = np.random.default_rng(3).normal(0, 0.0005, (3, 60))
    panel = panel_of(100 * np.exp(0.01 * np.arange(60) + noise), "Q")
    median = Statistical().fit(panel, 8).predict(panel, 8)[:, :, 4] - panel.log_price[:, -1:]
    assert (median[:, 7] > 0.04).all()
    assert (median[:, 7] < 0.082).all()


def test_an_interval_widens_with_the_step_ahead() -> None:
    panel = random_panel()
    answer = Statistical().fit(panel, 12).predict(panel, 12)
    width = answer[:, :, -1] - answer[:, :, 0]
    assert (width[:, -1] > width[:, 0]).all()


def test_what_is_loaded_says_the_same_and_two_fits_are_the_same_bytes(tmp_path: Path) -> None:
    panel = random_panel()
    for folder in ("a", "b"):
        make_member("statistical").fit(panel, 4).save(tmp_path / folder)
    files = [sorted((path.name, path.read_bytes()) for path in (tmp_path / folder).iterdir()) for folder in ("a", "b")]
    assert files[0] == files[1]
    loaded = load_member("statistical", tmp_path / "a").predict(panel, 4)
    np.testing.assert_array_equal(loaded, Statistical().fit(panel, 4).predict(panel, 4))


def test_what_cannot_be_done_is_refused_with_a_reason(tmp_path: Path) -> None:
    panel = random_panel()
    with pytest.raises(SettingsError, match="not fitted"):
        Statistical().save(tmp_path)
    with pytest.raises(SettingsError, match="fit it for a longer one"):
        Statistical().fit(panel, 3).predict(panel, 4)
    with pytest.raises(ArtifactError, match="train the member again"):
        Statistical.load(tmp_path)
