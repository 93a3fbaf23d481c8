"""Explanations add up: price and risk are a base and what each group of variables brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing.ensemble import Ensemble
from housing.explanation import explain_price
from housing.explanation.price import OTHERS
from housing.features.market import Market
from housing.forecaster import Forecaster
from housing.members import load_member, make_member
from housing.members.attributed import MEDIAN, Attributed
from housing.members.base import Member
from housing.panel import Panel

HORIZON = 6
SMALL = {"xgboost": {"rounds": 8}, "catboost": {"rounds": 8}, "linear": {}}


def made_up_panel() -> Panel:
    rng = np.random.default_rng(4)
    growth = 0.004 + 0.01 * rng.standard_normal((7, 110)).cumsum(1) * 0.3 + 0.02 * np.sin(np.arange(110) / 9)
    price = np.exp(11 + growth.cumsum(1) * 0.3)
    price[2, 40:44] = np.nan
    sales = np.exp(3 + 0.2 * rng.standard_normal((7, 110)))
    months = np.datetime64("2005-01", "M") + np.arange(110)
    return Panel(tuple("ABCDEFG"), months, "M", price, {"sales": sales}, lags={"sales": 1}).until(109)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return made_up_panel()


@pytest.fixture(scope="module")
def members(panel: Panel) -> dict[str, Member]:
    return {name: make_member(name, 1, **settings).fit(panel, HORIZON) for name, settings in SMALL.items()}


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.parametrize("step", [1, HORIZON])
def test_what_features_add_is_the_median_of_the_member(
    panel: Panel, members: dict[str, Member], tmp_path: Path, name: str, step: int
) -> None:
    members[name].save(tmp_path)
    member = load_member(name, tmp_path)
    assert isinstance(member, Attributed)
    found = member.attribute(panel, step, Market.of(panel))
    total = found.path + found.constant + found.parts.sum(axis=1)
    median = member.predict(panel, HORIZON)[:, step - 1, MEDIAN]
    # Where quantiles of separate trees cross, sorting moves the median within the crossing.
    assert np.median(np.abs(total - median)) < 1e-6
    assert np.abs(total - median).max() < 0.02
    assert {"momentum", "market", "sales", "season"} <= set(found.groups)
    assert found.parts.shape == (7, len(found.groups))


def test_a_region_is_explained_alone_as_in_company(panel: Panel, members: dict[str, Member]) -> None:
    market = Market.of(panel)
    weights = {"xgboost": 0.5, "linear": 0.5}
    quantiles = np.stack([members[name].predict(panel, HORIZON, market) for name in weights]).mean(axis=0)
    together = explain_price(panel, quantiles, members, weights, market)
    alone = explain_price(panel.select(["D"]), quantiles[3:4], members, weights, market)
    assert alone[0]["contributions"] == pytest.approx(together[3]["contributions"], abs=1e-9)


def test_a_price_is_its_base_and_what_the_groups_add(panel: Panel, members: dict[str, Member]) -> None:
    everyone: dict[str, Member] = {**members, "momentum": make_member("momentum").fit(panel, HORIZON)}
    weights = {"xgboost": 0.25, "catboost": 0.25, "linear": 0.25, "momentum": 0.25}
    quantiles = np.stack([member.predict(panel, HORIZON) for member in everyone.values()]).mean(axis=0)
    for facts, median in zip(explain_price(panel, quantiles, everyone, weights), quantiles[:, -1, MEDIAN], strict=True):
        assert facts["log_price"] == median
        assert facts["base"] + sum(facts["contributions"].values()) == pytest.approx(median, abs=1e-9)
    # Members that are sums over features leave nothing to the others.
    own = members["linear"].predict(panel, HORIZON)
    assert all(abs(facts["contributions"][OTHERS]) < 1e-9 for facts in explain_price(panel, own, members, {"linear": 1.0}))


def test_without_a_member_that_is_a_sum_the_whole_move_is_of_other_methods(panel: Panel) -> None:
    momentum = make_member("momentum").fit(panel, HORIZON)
    (facts,) = explain_price(panel.select(["A"]), momentum.predict(panel, HORIZON)[:1], {"momentum": momentum}, {"momentum": 1.0})
    assert facts["contributions"] == {OTHERS: 0.0}
    assert facts["base"] == facts["log_price"]


def test_a_known_region_has_both_reasons_and_they_belong_to_its_forecast(synthetic_model: Path) -> None:
    forecaster = Forecaster.load(synthetic_model)
    forecast = forecaster.forecast_known(forecaster.regions)
    explained = forecaster.explain_known(forecaster.regions)
    assert [facts["region"] for facts in explained] == list(forecaster.regions)
    for row, facts in enumerate(explained):
        assert facts["price"]["log_price"] == pytest.approx(np.log(forecast.values[row, -1, MEDIAN]))
        probability = forecast.drawdown_probability[row]
        if np.isfinite(probability):
            risk = facts["drawdown"]
            assert risk["log_odds"] == pytest.approx(np.log(probability / (1 - probability)))
            assert risk["base"] + sum(risk["contributions"].values()) == pytest.approx(risk["log_odds"])


def test_the_weights_of_chosen_members_share_the_whole(synthetic_model: Path) -> None:
    ensemble = Ensemble.load(synthetic_model)
    some = ensemble.weights(6, online=True, members=["naive", "momentum"])
    assert set(some) == {"naive", "momentum"}
    assert sum(some.values()) == pytest.approx(1)
    assert sum(ensemble.weights(6, online=False).values()) == pytest.approx(1)
