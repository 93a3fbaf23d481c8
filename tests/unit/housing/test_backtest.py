"""A backtest says what could have been said at each origin, whatever else is asked for and wherever it is taken up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from housing.backtest import Backtest, Progress, first_origin, fit_origin, join_origins, merge, run_backtest
from housing.errors import ArtifactError, DataError, SettingsError
from housing.panel import Panel
from housing.study import plan_origins, study, with_ensemble

SETTINGS = {"xgboost": {"rounds": 5, "rows": 500}}


def make_panel(regions: int = 3, periods: int = 96) -> Panel:
    generator = np.random.default_rng(0)
    level = np.cumsum(generator.normal(0.003, 0.01, (regions, periods)), axis=1) + 12
    dates = np.datetime64("2000-01", "M") + np.arange(periods)
    return Panel(tuple("abc"[:regions]), dates, "M", np.exp(level + generator.normal(0, 0.02, level.shape)))


def same(one: Backtest, other: Backtest) -> None:
    assert one.regions == other.regions
    assert one.horizon == other.horizon
    assert set(one.values) == set(other.values)
    np.testing.assert_array_equal(one.origins, other.origins)
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, other.values[name])


def test_an_origin_does_not_see_its_future() -> None:
    panel = make_panel()
    changed = replace(panel, price=np.where(np.arange(96) > 60, panel.price * 3, panel.price))
    members = ("naive", "momentum", "xgboost")
    same(*(run_backtest(p, members, [60], 6, settings=SETTINGS) for p in (panel, changed)))


def test_the_forecast_of_an_origin_does_not_depend_on_the_other_origins() -> None:
    panel, members = make_panel(), ("naive", "xgboost")
    together = run_backtest(panel, members, [60, 61, 63, 70], 6, settings=SETTINGS)
    alone = run_backtest(panel, members, [63], 6, settings=SETTINGS)
    same(alone, together.select_origins([63]))


def test_a_resumed_backtest_equals_an_uninterrupted_one() -> None:
    panel, members, origins = make_panel(), ("naive", "xgboost"), [60, 63, 66, 70]
    checkpoints: list[Backtest] = []
    whole = run_backtest(panel, members, origins, 6, settings=SETTINGS, on_origin=checkpoints.append)
    assert [c.origins.tolist() for c in checkpoints] == [[60], [63], [66], [70]]
    finished = join_origins(checkpoints[:2])
    seen: list[Progress] = []
    same(run_backtest(panel, members, origins, 6, settings=SETTINGS, completed=finished, on_progress=seen.append), whole)
    assert [p.origin for p in seen] == [66, 66, 70, 70]
    assert [p.done for p in seen] == [5, 6, 7, 8]


def test_a_checkpoint_of_another_backtest_is_refused() -> None:
    panel = make_panel()
    other = run_backtest(panel, ("drift",), [60], 6)
    with pytest.raises(DataError, match="checkpoint"):
        run_backtest(panel, ("naive",), [60, 61], 6, completed=other)


def test_members_trained_apart_merge_to_what_they_are_together() -> None:
    panel, origins = make_panel(), [60, 66]
    parts = [run_backtest(panel, (name,), origins, 6) for name in ("naive", "drift")]
    same(merge(parts[::-1]), run_backtest(panel, ("naive", "drift"), origins, 6))


def test_backtests_of_different_plans_do_not_merge() -> None:
    panel = make_panel()
    with pytest.raises(DataError, match="plan"):
        merge([run_backtest(panel, ("naive",), [60], 6), run_backtest(panel, ("drift",), [61], 6)])


def test_a_saved_backtest_is_read_back_and_writes_the_same_bytes(tmp_path: Path) -> None:
    backtest = run_backtest(make_panel(), ("naive", "drift"), [60, 66], 6)
    backtest = replace(backtest, drawdown={"rule": np.array([[0.1, np.nan, 0.3]] * 2)})
    backtest.save(tmp_path / "a.npz")
    loaded = Backtest.load(tmp_path / "a.npz")
    same(loaded, backtest)
    np.testing.assert_array_equal(loaded.drawdown["rule"], backtest.drawdown["rule"])
    loaded.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_truncated_file_is_an_artifact_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    run_backtest(make_panel(), ("naive",), [60], 6).save(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match=r"a\.npz"):
        Backtest.load(path)


def test_origins_join_in_the_order_of_time() -> None:
    panel = make_panel()
    parts = [run_backtest(panel, ("naive",), [origin], 6) for origin in (66, 60)]
    same(join_origins(parts), run_backtest(panel, ("naive",), [60, 66], 6))


def test_a_model_is_fitted_on_a_calendar_that_no_origin_moves() -> None:
    panel = make_panel()
    assert [fit_origin(panel, origin, 6) for origin in (60, 61, 65, 66, 71, 72)] == [60, 60, 60, 66, 66, 72]
    assert [fit_origin(panel, origin, 1) for origin in (60, 61)] == [60, 61]


@pytest.mark.parametrize(
    ("origins", "horizon", "message"),
    [
        ([10], 6, "too little history"),
        ([96], 6, "96 periods"),
        ([], 6, "origins: none"),
        ([60], 0, "horizon 0"),
        ([60], 90, "needs at least"),
    ],
)
def test_impossible_origins_are_named(origins: list[int], horizon: int, message: str) -> None:
    with pytest.raises((DataError, SettingsError), match=message):
        run_backtest(make_panel(), ("naive",), origins, horizon)


def test_a_study_equals_its_pieces_run_apart_and_saved_between(tmp_path: Path) -> None:
    panel, origins, horizon = make_panel(), [72, 78], 6
    planned = plan_origins(panel, origins, horizon)
    for name in ("naive", "momentum"):
        run_backtest(panel, (name,), planned, horizon).save(tmp_path / f"{name}.npz")
    backtest = merge([Backtest.load(path) for path in sorted(tmp_path.iterdir())])
    same(with_ensemble(panel, backtest, origins), study(panel, origins, horizon, members=("naive", "momentum")))


def test_a_plan_warms_up_before_the_first_origin_and_within_the_history() -> None:
    panel = make_panel()
    planned = plan_origins(panel, [60, 66], 6)
    assert set(planned) >= {60, 66}
    assert planned[0] >= first_origin(panel, 6)
    assert (planned < 60).sum() >= 4
    assert planned[-1] == 66
