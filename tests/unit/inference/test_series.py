"""From inputs to rows: every field is checked, and the panel that a series is put into is that of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing.forecaster import Forecaster
from inference.contract import MAX_CONTEXT, Input, Parameters
from inference.errors import RequestError
from inference.series import Series, panel_of, resolve, wanted_of

PRICES = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]


@pytest.fixture(scope="module")
def forecaster(synthetic_model: Path) -> Forecaster:
    return Forecaster.load(synthetic_model)


def resolved(forecaster: Forecaster, item: Input, **parameters: object) -> int | Series:
    rows = {name: row for row, name in enumerate(forecaster.regions)}
    return resolve(item, 0, wanted_of(Parameters(**parameters), forecaster), forecaster, rows)  # type: ignore[arg-type]


def refused(forecaster: Forecaster, item: Input, **parameters: object) -> RequestError:
    with pytest.raises(RequestError) as caught:
        resolved(forecaster, item, **parameters)
    return caught.value


def test_a_name_without_target_is_a_known_region(forecaster: Forecaster) -> None:
    assert resolved(forecaster, Input(item_id="Town C")) == 2


def test_a_name_with_target_is_the_series_that_was_sent(forecaster: Forecaster) -> None:
    assert isinstance(resolved(forecaster, Input(item_id="Town C", target=[*PRICES])), Series)


def test_an_unknown_region_is_refused_with_a_similar_name(forecaster: Forecaster) -> None:
    error = refused(forecaster, Input(item_id="Town"))
    assert (error.code, error.field) == ("unknown_region", "inputs[0].item_id")
    assert "did you mean 'Town" in error.message


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (Input(), "inputs[0]"),
        (Input(item_id="Town A", start="2010-01-01"), "inputs[0].start"),
        (Input(item_id="Town A", past_covariates={"sales": [1.0]}), "inputs[0].past_covariates"),
        (Input(target=[]), "inputs[0].target"),
        (Input(target=[1.0, 2.0, 3.0, 4.0]), "inputs[0].target"),
        (Input(target=[None] * 40), "inputs[0].target"),
        (Input(target=[[1.0, 2.0], [3.0, 4.0]]), "inputs[0].target"),
        (Input(target=[*PRICES, 0.0]), "inputs[0].target[6]"),
        (Input(target=[*PRICES, -3.0]), "inputs[0].target[6]"),
        (Input(target=[*PRICES, float("inf")]), "inputs[0].target[6]"),
        (Input(target=[*PRICES, 1e300]), "inputs[0].target[6]"),
        (Input(target=[*PRICES, None]), "inputs[0].target[6]"),
        (Input(target=[1.0] * 10_001), "inputs[0].target"),
        (Input(target=[*PRICES], start="next year"), "inputs[0].start"),
        (Input(target=[*PRICES], start="2010-13-01"), "inputs[0].start"),
        (Input(target=[*PRICES], start="9999-01-01"), "inputs[0].start"),
        (Input(target=[*PRICES], past_covariates={"sales": [1.0]}), "inputs[0].past_covariates"),
        (Input(target=[*PRICES], future_covariates={"sales": [1.0]}), "inputs[0].future_covariates"),
        (
            Input(target=[*PRICES], past_covariates={"sales": [1.0] * 6}, future_covariates={"sales": [1.0]}),
            "inputs[0].future_covariates",
        ),
        (Input(target=[*PRICES], past_covariates={str(k): [1.0] * 6 for k in range(101)}), "inputs[0].past_covariates"),
    ],
)
def test_an_input_without_meaning_is_refused_with_its_field(forecaster: Forecaster, item: Input, field: str) -> None:
    error = refused(forecaster, item)
    assert (error.status, error.field) == (400, field)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"prediction_length": 0}, "prediction_length"),
        ({"prediction_length": 7}, "prediction_length"),
        ({"quantile_levels": []}, "quantile_levels"),
        ({"quantile_levels": [0.1, 0.1]}, "quantile_levels"),
        ({"quantile_levels": [1.0]}, "quantile_levels"),
        ({"quantile_levels": [float("nan")]}, "quantile_levels"),
        ({"freq": "1h"}, "freq"),
        ({"freq": "QS"}, "freq"),
        ({"drawdown_threshold": 5.0}, "drawdown_threshold"),
    ],
)
def test_a_parameter_without_meaning_is_refused_with_its_field(forecaster: Forecaster, parameters: dict[str, object], field: str) -> None:
    assert refused(forecaster, Input(item_id="Town A"), **parameters).field == f"parameters.{field}"


@pytest.mark.parametrize("freq", ["M", "MS", "ME", "1MS"])
def test_every_usual_name_of_monthly_is_taken(forecaster: Forecaster, freq: str) -> None:
    assert wanted_of(Parameters(freq=freq), forecaster).horizon == 6


@pytest.mark.parametrize("start", ["2010-03", "2010-03-01", "2010-03-31", "2010-03-01T00:00:00", "2010-03-01 00:00:00Z"])
def test_a_start_names_its_month(forecaster: Forecaster, start: str) -> None:
    series = resolved(forecaster, Input(target=[*PRICES], start=start))
    assert isinstance(series, Series)
    assert str(series.end) == "2010-08"


def test_a_series_without_start_ends_where_the_known_regions_end(forecaster: Forecaster) -> None:
    series = resolved(forecaster, Input(target=[*PRICES]))
    assert isinstance(series, Series)
    assert series.end == forecaster.last_date


def test_only_the_newest_prices_are_used(forecaster: Forecaster) -> None:
    series = resolved(forecaster, Input(target=[1.0, *[2.0] * MAX_CONTEXT]))
    assert isinstance(series, Series)
    assert len(series.price) == MAX_CONTEXT
    assert series.price.min() == 2.0


def test_the_panel_of_a_known_regions_own_series_is_the_panel_it_was_trained_on(forecaster: Forecaster) -> None:
    known = forecaster.panel
    row = 3
    series = Series(forecaster.last_date, known.price[row], {name: values[row] for name, values in known.covariates.items()})
    panel = panel_of([series], known)
    np.testing.assert_array_equal(panel.price[0], known.price[row])
    np.testing.assert_array_equal(panel.dates, known.dates)
    for name, values in known.covariates.items():
        np.testing.assert_array_equal(panel.covariates[name][0], values[row])
    for name, values in known.national.items():
        np.testing.assert_array_equal(panel.national[name], values)


def test_a_lagged_covariate_is_unknown_at_its_lag_even_when_a_client_sends_it(forecaster: Forecaster) -> None:
    length = len(forecaster.panel.dates)
    series = Series(forecaster.last_date, np.full(length, 100.0), {"sales": np.ones(length)})
    assert np.isnan(panel_of([series], forecaster.panel).covariates["sales"][0, -1])
