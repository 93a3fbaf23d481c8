"""Training and serving build the same features: bit for bit, through the JSON of the contract."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from housing.features.engine import build_features
from housing.forecaster import Forecaster
from housing.panel import Panel
from inference.contract import decode_request
from inference.series import Series, panel_of, resolve, wanted_of


def request_for(panel: Panel, row: int) -> bytes:
    """A region's own data as a client would send it, all digits kept."""

    def cells(values: np.ndarray) -> list[float | None]:
        return [None if math.isnan(value) else value for value in values.tolist()]

    item = {
        "item_id": "mine",
        "start": f"{panel.dates[0]}-01",
        "target": cells(panel.price[row]),
        "past_covariates": {name: cells(values[row]) for name, values in panel.covariates.items()},
    }
    return json.dumps({"inputs": [item]}).encode()


def served_panel(forecaster: Forecaster, body: bytes) -> Panel:
    request = decode_request(body)
    series = resolve(request.inputs[0], 0, wanted_of(request.parameters, forecaster), forecaster, {})
    assert isinstance(series, Series)
    return panel_of([series], forecaster.panel)


@pytest.fixture(scope="module")
def forecaster(synthetic_model: Path) -> Forecaster:
    return Forecaster.load(synthetic_model)


def test_the_features_of_every_region_at_the_last_month_equal_the_training_rows(forecaster: Forecaster, synthetic_model: Path) -> None:
    trained_on = Panel.load(synthetic_model)
    last = len(trained_on.dates) - 1
    training = build_features(trained_on.until(last))
    for row in range(len(trained_on.regions)):
        served = build_features(served_panel(forecaster, request_for(trained_on, row)), [-1], forecaster.market)
        assert served.names == training.names
        np.testing.assert_array_equal(served.values[0, 0], training.values[row, last])
    assert np.isfinite(training.values[:, last]).mean() > 0.5


def test_a_training_row_does_not_know_what_came_after_it(synthetic_model: Path) -> None:
    panel = Panel.load(synthetic_model)
    whole = build_features(panel).values
    for column in (60, 90, len(panel.dates) - 1):
        np.testing.assert_array_equal(build_features(panel.until(column)).values[:, column], whole[:, column])
