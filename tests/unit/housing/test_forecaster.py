"""A forecaster answers known regions from memory and unseen series alone or together, always alike."""

from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from housing.errors import ArtifactError, DataError, SettingsError
from housing.forecast import QUANTILES
from housing.forecaster import Forecaster, interpolate_levels
from housing.members import load_member


@pytest.fixture(scope="module")
def forecaster(synthetic_model: Path) -> Forecaster:
    return Forecaster.load(synthetic_model)


def test_a_known_region_is_forecast_after_the_last_month_of_the_panel(forecaster: Forecaster) -> None:
    forecast = forecaster.forecast_known(["Town B"], 3)
    assert forecast.regions == ("Town B",)
    assert forecast.values.shape == (1, 3, 9)
    assert str(forecast.dates[0]) == "2015-01"
    assert (np.diff(forecast.values, axis=-1) >= 0).all()


def test_the_stored_forecast_is_what_all_members_say(forecaster: Forecaster, synthetic_model: Path) -> None:
    assert forecaster.ensemble.full is not None
    members = {name: load_member(name, synthetic_model / "members" / name) for name in forecaster.ensemble.full.members}
    values = {name: member.predict(forecaster.panel, forecaster.horizon, forecaster.market) for name, member in members.items()}
    again = np.exp(forecaster.ensemble.combine(values, forecaster.panel))
    np.testing.assert_array_equal(forecaster.forecast_known(forecaster.regions).values, again)


def test_an_unseen_series_gets_the_same_answer_alone_and_in_company(forecaster: Forecaster) -> None:
    together = forecaster.forecast_panel(forecaster.panel)
    for row, name in enumerate(forecaster.regions):
        alone = forecaster.forecast_panel(forecaster.panel.select([name]))
        np.testing.assert_array_equal(alone.values[0], together.values[row])
        np.testing.assert_array_equal(alone.drawdown_probability[0], together.drawdown_probability[row])


def test_a_horizon_beyond_the_fitted_one_is_refused_in_words(forecaster: Forecaster) -> None:
    with pytest.raises(SettingsError, match="horizon 7: this model forecasts 1 to 6 periods"):
        forecaster.forecast_known(["Town A"], 7)


def test_an_unknown_region_is_refused_by_name(forecaster: Forecaster) -> None:
    with pytest.raises(DataError, match="Atlantis"):
        forecaster.forecast_known(["Atlantis"])


def test_a_region_without_a_price_is_refused(forecaster: Forecaster) -> None:
    panel = forecaster.panel.select(["Town A"])
    with pytest.raises(DataError, match="at least one price"):
        forecaster.forecast_panel(replace(panel, price=np.full_like(panel.price, np.nan)))


def test_a_deeper_drawdown_is_never_likelier(forecaster: Forecaster) -> None:
    shallow, deep = forecaster.drawdown_known(0.05), forecaster.drawdown_known(0.20)
    both = np.isfinite(shallow) & np.isfinite(deep)
    assert both.any()
    assert (deep[both] <= shallow[both]).all()


def test_stored_levels_come_back_exactly_and_a_normal_law_is_reproduced_between_and_beyond_them() -> None:
    law = NormalDist(12, 0.3)
    values = np.exp([[law.inv_cdf(level) for level in QUANTILES]])
    np.testing.assert_array_equal(interpolate_levels(values, (0.5, 0.1)), values[:, [4, 0]])
    wanted = (0.01, 0.25, 0.5, 0.77, 0.99)
    np.testing.assert_allclose(np.log(interpolate_levels(values, wanted))[0], [law.inv_cdf(level) for level in wanted], rtol=1e-12)


def test_interpolated_levels_ascend() -> None:
    values = np.sort(np.random.default_rng(0).lognormal(size=(5, 9)), axis=1)
    levels = tuple(np.round(np.arange(0.01, 1, 0.01), 2).tolist())
    assert (np.diff(interpolate_levels(values, levels), axis=1) >= 0).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, float("nan")])
def test_a_level_outside_zero_and_one_is_refused(level: float) -> None:
    with pytest.raises(SettingsError, match="quantile level"):
        interpolate_levels(np.ones((1, 9)), (level,))


def test_a_forecast_of_another_shape_is_refused(synthetic_model: Path, tmp_path: Path) -> None:
    import shutil

    from housing import artifact
    from housing.forecaster import write_forecast

    shutil.copytree(synthetic_model, tmp_path / "model")
    write_forecast(tmp_path / "model", np.zeros((1, 2, 9)))
    artifact.seal(tmp_path / "model", "x")
    with pytest.raises(ArtifactError, match=r"forecast\.npz"):
        Forecaster.load(tmp_path / "model")
