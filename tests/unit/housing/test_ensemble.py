"""The ensemble learns from what had matured, trusts the better member, and answers with what it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from housing.backtest import Backtest
from housing.ensemble import Ensemble, actual_log_price, horizon_blocks, walk_forward
from housing.errors import ArtifactError, SettingsError
from housing.panel import Panel

NORMAL = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816])
HORIZON = 6


def make_panel(regions: int = 20, periods: int = 120) -> Panel:
    generator = np.random.default_rng(0)
    price = np.exp(12 + 0.003 * np.arange(periods) + generator.normal(0, 0.05, (regions, periods)))
    return Panel(tuple(f"r{i}" for i in range(regions)), np.datetime64("2000-01", "M") + np.arange(periods), "M", price)


def make_backtest(panel: Panel, biases: dict[str, float], deviation: float = 0.05, every: int = 3) -> Backtest:
    """Members that know the trend, each off by its bias."""
    origins = np.arange(60, len(panel.dates), every)
    truth = 12 + 0.003 * (origins[:, None] + np.arange(1, HORIZON + 1))
    centre = np.broadcast_to(truth[:, None, :, None], (len(origins), len(panel.regions), HORIZON, 1))
    values = {name: (centre + bias + deviation * NORMAL).astype(np.float32) for name, bias in biases.items()}
    return Backtest(panel.regions, origins, HORIZON, values)


def at(backtest: Backtest, position: int) -> dict[str, np.ndarray]:
    return {name: values[position].astype(np.float64) for name, values in backtest.values.items()}


def test_the_better_member_weighs_more() -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"good": 0.0, "bad": 0.3})
    combined = Ensemble().fit(panel, backtest).combine(at(backtest, -1), panel)
    good, bad = (at(backtest, -1)[name][..., 4] for name in ("good", "bad"))
    assert (np.abs(combined[..., 4] - good) < 0.3 * np.abs(combined[..., 4] - bad)).all()


def test_the_ensemble_uses_nothing_that_came_after_the_origin() -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"naive": 0.0, "drift": 0.1})
    origin = int(backtest.origins[8])
    changed = replace(panel, price=np.where(np.arange(120) > origin, panel.price * 5, panel.price))
    later = {
        name: np.where((backtest.origins > origin)[:, None, None, None], 0.0, v).astype(np.float32) for name, v in backtest.values.items()
    }
    first = walk_forward(panel, backtest, [origin])
    second = walk_forward(changed, replace(backtest, values=later), [origin])
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(walk_forward(panel, backtest, [origin + 12]), walk_forward(changed, backtest, [origin + 12]))


def test_bands_that_were_too_narrow_are_widened() -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"only": 0.0}, deviation=0.02)
    combined = Ensemble().fit(panel, backtest).combine(at(backtest, -1), panel)
    raw = at(backtest, -1)["only"]
    assert ((combined[..., -1] - combined[..., 0]) > 1.5 * (raw[..., -1] - raw[..., 0])).all()


def test_the_first_origin_without_any_evidence_has_a_forecast() -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"naive": 0.0, "drift": 0.1})
    first = walk_forward(panel, backtest, [int(backtest.origins[0])])
    assert first.shape == (1, 20, HORIZON, 9)
    assert np.isfinite(first).all()
    assert (np.diff(first, axis=-1) >= 0).all()


def test_a_member_without_a_forecast_leaves_its_weight_to_the_others() -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"naive": 0.0, "drift": 0.0})
    ensemble = Ensemble().fit(panel, backtest)
    values = at(backtest, -1)
    whole = ensemble.combine(values, panel)
    values["drift"][3] = np.nan
    np.testing.assert_allclose(ensemble.combine(values, panel), whole, atol=1e-9)
    values["naive"][3] = np.nan
    assert np.isnan(ensemble.combine(values, panel)[3]).all()


def test_the_online_members_answer_when_the_slow_ones_are_silent() -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"naive": 0.0, "momentum": 0.02, "statistical": 0.0})
    ensemble = Ensemble().fit(panel, backtest)
    values = at(backtest, -1)
    del values["statistical"]
    online = ensemble.combine(values, panel)
    assert np.isfinite(online).all()
    alone = replace(backtest, values={name: backtest.values[name] for name in ("naive", "momentum")})
    np.testing.assert_array_equal(online, Ensemble().fit(panel, alone).combine(values, panel))
    del values["naive"]
    with pytest.raises(SettingsError, match="naive"):
        ensemble.combine(values, panel)


def test_a_saved_ensemble_answers_the_same_and_writes_the_same_bytes(tmp_path: Path) -> None:
    panel = make_panel()
    backtest = make_backtest(panel, {"naive": 0.0, "statistical": 0.1})
    ensemble = Ensemble().fit(panel, backtest)
    ensemble.save(tmp_path / "a")
    loaded = Ensemble.load(tmp_path / "a")
    np.testing.assert_array_equal(loaded.combine(at(backtest, -1), panel), ensemble.combine(at(backtest, -1), panel))
    loaded.save(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_broken_file_is_an_artifact_error(tmp_path: Path) -> None:
    (tmp_path / "ensemble.json").write_text('{"horizon": 6}')
    with pytest.raises(ArtifactError, match="ensemble"):
        Ensemble.load(tmp_path)


def test_an_ensemble_that_is_not_fitted_says_so() -> None:
    with pytest.raises(SettingsError, match="not fitted"):
        Ensemble().combine({}, make_panel())


@pytest.mark.parametrize("horizon", [1, 2, 4, 6, 12, 24])
def test_blocks_cover_every_horizon_once(horizon: int) -> None:
    blocks = horizon_blocks(horizon)
    assert [h for block in blocks for h in range(horizon)[block]] == list(range(horizon))


def test_prices_after_the_end_of_the_panel_are_not_known() -> None:
    panel = make_panel()
    actual = actual_log_price(panel, [110, 118], HORIZON)
    assert np.isfinite(actual[0]).all()
    assert np.isfinite(actual[1]).sum() == 20
    np.testing.assert_array_equal(actual[0, :, 2], panel.log_price[:, 113])
