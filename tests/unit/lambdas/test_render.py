"""A stored prediction is rendered byte for byte as the server writes it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.predict.render import StoredPrediction, body, number, usual_length
from lambdas.predict.shape import Stored


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_as_the_server_does(value: float) -> None:
    assert number(value).encode() == msgspec.json.encode(value)


@given(st.floats(min_value=1e-12, max_value=1e16))
def test_a_number_of_six_digits_is_written_as_the_server_does(value: float) -> None:
    rounded = float(f"{value:.6g}")
    assert number(rounded).encode() == msgspec.json.encode(rounded)


@given(st.text(min_size=1), st.one_of(st.none(), st.text(), st.integers(-(2**63), 2**63 - 1)))
def test_names_and_ids_are_written_as_the_server_does(name: str, identity: str | int | None) -> None:
    content = {"item_id": name, "start": "2015-08-01", "mean": [1.0], "0.5": [1.0], "drawdown_probability": 1e-05, "model_version": name}
    stored = StoredPrediction.read(json.dumps(content).encode(), name)
    whole = {"id": identity, "predictions": [content]} if identity is not None else {"predictions": [content]}
    assert body(Stored((name,), (0.5,), 1, identity), [stored], 1) == msgspec.json.encode(whole)


@pytest.mark.parametrize(
    ("length", "months", "usual"), [(12, 1, 12), (18, 1, 12), (6, 1, 6), (12, 3, 4), (3, 3, 3), (12, 0, None), (4, 0, 4), (3, 0, 3)]
)
def test_a_year_is_answered_when_nothing_is_said_and_that_is_known(length: int, months: int, usual: int | None) -> None:
    assert usual_length(length, months) == usual


GOOD = {"item_id": "A", "start": "2015-08-01", "mean": [1.0, 2.0], "0.5": [1.0, 2.0], "drawdown_probability": None, "model_version": "v"}


@pytest.mark.parametrize(
    "spoiled",
    [
        {"item_id": "B"},
        {"start": None},
        {"mean": []},
        {"mean": "no"},
        {"0.5": [1.0]},
        {"0.5": [1.0, True]},
        {"0.5": [1.0, float("nan")]},
        {"drawdown_probability": "0.1"},
        {"model_version": None},
    ],
)
def test_an_object_that_is_no_prediction_of_the_region_is_not_rendered(spoiled: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"prediction|number|level"):
        StoredPrediction.read(json.dumps(GOOD | spoiled).encode(), "A")


@pytest.mark.parametrize(("levels", "length"), [((0.5, 0.6), 1), ((0.5,), 3), ((0.5,), 0), ((0.5000001,), 1), ((0.5, 0.5), 1)])
def test_what_the_table_does_not_hold_is_not_answered(levels: tuple[float, ...], length: int | None) -> None:
    prediction = StoredPrediction.read(json.dumps(GOOD).encode(), "A")
    asked = Stored(("A",), levels, length, None)
    assert body(asked, [prediction], 0) is None
