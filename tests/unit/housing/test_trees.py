"""The short way through the trees gives the bits of the long one, or stands aside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost

from housing.members.trees import Trees
from housing.panel import Panel

FEATURES = 12
PLAIN = {"objective": "reg:squarederror"}
QUANTILES = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}


def rows(count: int, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    made = np.round(generator.standard_normal((count, FEATURES)), 1).astype(np.float32)
    made[generator.random(made.shape) < 0.2] = np.nan
    return made


def booster(rounds: int = 20, **settings: Any) -> xgboost.Booster:
    x = rows(600)
    y = np.nan_to_num(x[:, :4]).sum(axis=1) + np.random.default_rng(2).standard_normal(len(x))
    if "logistic" in str(settings.get("objective")):
        y = y > 0
    return xgboost.train({"max_depth": 5, "nthread": 1, **settings}, xgboost.DMatrix(x, y), rounds)


@pytest.mark.parametrize("settings", [PLAIN, QUANTILES, {**PLAIN, "max_depth": 1}, {**PLAIN, "max_leaves": 9, "grow_policy": "lossguide"}])
def test_every_bit_is_that_of_xgboost(settings: dict[str, Any]) -> None:
    long_way = booster(**settings)
    short_way = Trees.of(long_way)
    assert short_way is not None
    assert short_way.max_rows >= 1
    for count in (1, 2, 17, 300):
        asked = rows(count, seed=count)
        np.testing.assert_array_equal(short_way.predict(asked), long_way.inplace_predict(asked))


def test_a_value_on_a_threshold_goes_the_same_way() -> None:
    long_way = booster(**PLAIN)
    short_way = Trees.of(long_way)
    assert short_way is not None
    asked = np.random.default_rng(5).choice(np.unique(short_way.threshold), (500, FEATURES))
    np.testing.assert_array_equal(short_way.predict(asked), long_way.inplace_predict(asked))


def test_what_ends_in_another_function_or_is_no_sum_of_trees_is_left_to_xgboost() -> None:
    assert Trees.of(booster(objective="binary:logistic")) is None
    assert Trees.of(booster(**PLAIN, booster="dart", rate_drop=0.5)) is None
    assert Trees.of(booster(**PLAIN, booster="gblinear")) is None


def test_the_member_answers_the_same_bits_before_and_after_it_is_loaded(synthetic_model: Any, tmp_path: Any) -> None:
    from housing.members.xgb import XGBoost

    panel = Panel.load(synthetic_model)
    fitted = XGBoost(seed=1, rounds=5, rows=400).fit(panel, 3)
    fitted.save(tmp_path)
    loaded = XGBoost.load(tmp_path)
    assert loaded._small is not None
    for regions in (panel.regions[:1], panel.regions):
        some = panel.select(regions)
        np.testing.assert_array_equal(loaded.predict(some, 3), fitted.predict(some, 3))
