"""Every member keeps the protocol: the same rules for a noisy panel, a short one, an unseen region or a constant price."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from housing.errors import ArtifactError, DataError, SettingsError
from housing.features import Market
from housing.forecast import QUANTILES
from housing.members import BASELINES, MEMBERS, load_member, make_member
from housing.members.base import Member
from housing.panel import Panel

QUICK: dict[str, dict[str, Any]] = {
    "linear": {"rows": 2000},
    "xgboost": {"rounds": 10, "rows": 2000},
    "catboost": {"rounds": 10, "rows": 2000},
    "neural": {"steps": 20, "networks": 1, "rows": 2000},
}
POOLED = ("linear", "xgboost", "catboost", "neural")


def make_panel(regions: int = 4, periods: int = 84, frequency: str = "M", seed: int = 0) -> Panel:
    generator = np.random.default_rng(seed)
    season = 12 if frequency == "M" else 4
    level = np.cumsum(generator.normal(0.003, 0.01, (regions, periods)), axis=1) + 12
    price = np.exp(level + 0.05 * np.sin(2 * np.pi * np.arange(periods) / season) + generator.normal(0, 0.03, level.shape))
    price[generator.random(price.shape) < 0.05] = np.nan
    covariates = {"sales": generator.lognormal(4, 0.3, price.shape)}
    dates = np.datetime64("2000-01", "M") + np.arange(periods) * (12 // season)
    return Panel(tuple(f"r{i}" for i in range(regions)), dates, frequency, price, covariates, lags={"sales": 1})  # type: ignore[arg-type]


def fitted(name: str, panel: Panel, horizon: int = 6, seed: int = 0) -> Member:
    return make_member(name, seed, **QUICK.get(name, {})).fit(panel, horizon)


def check(forecast: np.ndarray, regions: int, horizon: int) -> None:
    assert forecast.shape == (regions, horizon, len(QUANTILES))
    assert np.isfinite(forecast).all()
    assert (np.diff(forecast, axis=-1) >= 0).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_forecast_is_finite_and_its_quantiles_ascend(name: str) -> None:
    panel = make_panel()
    member = fitted(name, panel)
    assert isinstance(member, Member)
    forecast = member.predict(panel, 6)
    check(forecast, 4, 6)
    last = np.nanmean(panel.log_price[:, -12:], axis=1)
    assert (np.abs(forecast[:, :, 4] - last[:, None]) < 1.0).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_shorter_horizon_is_the_beginning_of_the_longer_one(name: str) -> None:
    panel = make_panel()
    member = fitted(name, panel)
    np.testing.assert_allclose(member.predict(panel, 3), member.predict(panel, 6)[:, :3], rtol=1e-9)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_longer_horizon_than_fitted_is_refused(name: str) -> None:
    panel = make_panel()
    with pytest.raises(SettingsError, match="horizon 7"):
        fitted(name, panel).predict(panel, 7)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_loaded_member_predicts_what_the_saved_one_did(name: str, tmp_path: Path) -> None:
    panel = make_panel()
    member = fitted(name, panel)
    member.save(tmp_path)
    np.testing.assert_array_equal(load_member(name, tmp_path).predict(panel, 6), member.predict(panel, 6))


@pytest.mark.parametrize("name", MEMBERS)
def test_two_fits_with_one_seed_write_the_same_bytes(name: str, tmp_path: Path) -> None:
    panel = make_panel()
    for folder in ("a", "b"):
        fitted(name, panel, seed=3).save(tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.parametrize("name", MEMBERS)
def test_nothing_that_is_saved_is_a_pickle(name: str, tmp_path: Path) -> None:
    fitted(name, make_panel()).save(tmp_path)
    for path in tmp_path.iterdir():
        assert path.suffix in {".json", ".npz", ".ubj", ".cbm", ".safetensors"}
        assert not path.read_bytes().startswith(b"\x80\x04")


@pytest.mark.parametrize("name", MEMBERS)
def test_loading_from_an_empty_folder_is_an_artifact_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        load_member(name, tmp_path)


@pytest.mark.parametrize("name", POOLED)
def test_an_altered_model_file_is_an_artifact_error(name: str, tmp_path: Path) -> None:
    fitted(name, make_panel()).save(tmp_path)
    for path in tmp_path.iterdir():
        if path.name != "member.json":
            path.write_bytes(b"{}")
    with pytest.raises(ArtifactError, match="train"):
        load_member(name, tmp_path)


@pytest.mark.parametrize("name", MEMBERS)
def test_quarterly_data_are_forecast(name: str) -> None:
    panel = make_panel(periods=48, frequency="Q")
    check(fitted(name, panel, 4).predict(panel, 4), 4, 4)


@pytest.mark.parametrize("name", MEMBERS)
def test_one_region_alone_is_forecast(name: str) -> None:
    panel = make_panel(regions=1)
    check(fitted(name, panel).predict(panel, 6), 1, 6)


@pytest.mark.parametrize("name", MEMBERS)
def test_an_unseen_region_with_a_short_history_and_no_covariates_is_forecast(name: str) -> None:
    panel = make_panel()
    member = fitted(name, panel)
    short = replace(make_panel(regions=1, seed=9), covariates={}, lags={})
    short = replace(short, price=np.where(np.arange(84) >= 80, short.price, np.nan))
    short.price[0, -2] = 150_000.0
    check(member.predict(short, 6, Market.of(panel)), 1, 6)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_constant_price_is_forecast_as_it_is(name: str) -> None:
    panel = make_panel()
    member = fitted(name, panel)
    constant = replace(panel, price=np.full(panel.price.shape, 100_000.0))
    forecast = member.predict(constant, 6, Market.of(panel))
    check(forecast, 4, 6)
    assert (np.abs(forecast[..., 4] - np.log(100_000.0)) < 0.1).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_region_whose_last_prices_are_missing_is_forecast(name: str) -> None:
    panel = make_panel()
    panel.price[2, -5:] = np.nan
    check(fitted(name, panel).predict(panel, 6), 4, 6)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_region_without_a_price_has_no_forecast_and_leaves_the_others_theirs(name: str) -> None:
    panel = make_panel()
    panel.price[1] = np.nan
    forecast = fitted(name, panel).predict(panel, 6)
    assert np.isnan(forecast[1]).all()
    check(forecast[[0, 2, 3]], 3, 6)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_known_region_gets_the_same_numbers_alone_as_in_the_whole_panel(name: str) -> None:
    panel = make_panel()
    member = fitted(name, panel)
    alone = member.predict(panel.select(["r2"]), 6, Market.of(panel))
    np.testing.assert_array_equal(alone[0], member.predict(panel, 6)[2])


@pytest.mark.parametrize("name", POOLED)
def test_another_frequency_than_fitted_is_refused(name: str) -> None:
    member = fitted(name, make_panel(), 4)
    with pytest.raises(SettingsError, match="frequency Q"):
        member.predict(make_panel(periods=48, frequency="Q"), 4)


@pytest.mark.parametrize("name", [*POOLED, *BASELINES])
def test_a_panel_too_short_to_learn_from_is_a_data_error(name: str) -> None:
    panel = make_panel()
    short = replace(panel, price=panel.price * np.nan)
    with pytest.raises(DataError, match="panel"):
        fitted(name, short)


def test_unknown_members_and_hyperparameters_are_named() -> None:
    with pytest.raises(SettingsError, match="member 'lstm'"):
        make_member("lstm")
    with pytest.raises(SettingsError, match="trees"):
        make_member("xgboost", trees=3)


def test_a_pooled_member_finds_a_signal_that_is_there() -> None:
    """Sales of this year are the growth of the next: a member that reads covariates beats one that does not."""
    generator = np.random.default_rng(1)
    growth = np.repeat(generator.normal(0, 0.02, (30, 10)), 12, axis=1)
    level = 12 + np.cumsum(growth, axis=1)
    ahead = np.pad(growth, ((0, 0), (0, 12)))[:, 12:]
    dates = np.datetime64("2000-01", "M") + np.arange(120)
    panel = Panel(tuple(f"r{i}" for i in range(30)), dates, "M", np.exp(level), {"sales": np.exp(4 + 50 * ahead)})
    known = panel.until(107)
    truth = panel.log_price[:, 113]

    def error(data: Panel) -> float:
        member = make_member("xgboost", rows=2000).fit(data, 6)
        return float(np.abs(member.predict(data, 6)[:, 5, 4] - truth).mean())

    assert error(known) < 0.6 * error(known.without_covariates())
