"""Response lines of a batch transform become one row per region and period."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.errors import ResultsError
from pipelines.transform import LEVELS, forecast_rows, to_csv


def answer(region: str, probability: float | None = 0.04, start: str = "2015-11-01") -> str:
    quantiles = {level: [100.0 * float(level), 200.0 * float(level), 300.0 * float(level)] for level in LEVELS}
    prediction: dict[str, Any] = {"item_id": region, "start": start, "mean": [1, 2, 3], "drawdown_probability": probability, **quantiles}
    return json.dumps({"predictions": [prediction | {"model_version": "v"}]})


def test_months_go_on_into_the_next_year() -> None:
    rows = list(forecast_rows([answer("Austin")], months_per_period=1))
    assert [(row.month, row.horizon) for row in rows] == [("2015-11-01", 1), ("2015-12-01", 2), ("2016-01-01", 3)]
    assert rows[1].quantiles[0] == pytest.approx(20.0)


def test_a_quarterly_panel_steps_by_three_months() -> None:
    rows = list(forecast_rows([answer("Austin", start="2015-10-01")], months_per_period=3))
    assert [row.month for row in rows] == ["2015-10-01", "2016-01-01", "2016-04-01"]


def test_a_region_without_a_probability_has_an_empty_field() -> None:
    rows = list(forecast_rows([answer("Austin", None), "", answer("Rio Grande, TX")], months_per_period=1))
    lines = to_csv(rows).splitlines()
    assert lines[0] == "region,month,horizon,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,drawdown_probability,labelled"
    assert lines[1].startswith("Austin,2015-11-01,1,10.0,")
    assert lines[1].endswith(",,1")
    assert lines[4].startswith('"Rio Grande, TX",')
    assert lines[4].endswith(",0.04,1")


def test_regions_that_the_drawdown_definition_leaves_out_are_marked() -> None:
    rows = list(forecast_rows([answer("Austin"), answer("Marfa")], 1, labelled=["Austin"]))
    assert {row.region: row.labelled for row in rows} == {"Austin": True, "Marfa": False}
    assert to_csv(rows).splitlines()[-1].endswith(",0.04,0")


def test_a_line_with_an_error_is_named() -> None:
    error = json.dumps({"error": {"code": "unknown_region", "field": "inputs[0].item_id", "message": "no such region"}})
    with pytest.raises(ResultsError, match="forecast line 2: no such region"):
        list(forecast_rows([answer("Austin"), error], months_per_period=1))
