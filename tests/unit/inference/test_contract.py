"""The contract: what parses, what is refused, and in which words."""

from __future__ import annotations

import json

import pytest

from inference.contract import MAX_ITEMS, decode_parameters, decode_request, level_name
from inference.errors import RequestError


def refused(body: bytes | dict[str, object]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        decode_request(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert caught.value.status == 400
    return caught.value


def test_a_request_of_the_original_schema_parses_unchanged() -> None:
    request = decode_request(
        json.dumps(
            {
                "inputs": [
                    {
                        "target": [1.0, 2.0, 3.0, 2.0, 0.5, 2.0],
                        "item_id": "product_A",
                        "start": "2024-01-01T01:00:00",
                        "past_covariates": {"rate": [3.0, 6.0, 9.0, 6.0, 1.5, 6.0], "kind": ["A", "B", "B", "B", "A", "A"]},
                        "future_covariates": {"rate": [2.5, 2.2, 3.3], "kind": ["B", "A", "A"]},
                    }
                ],
                "parameters": {
                    "prediction_length": 3,
                    "quantile_levels": [0.1, 0.5, 0.9],
                    "freq": "MS",
                    "batch_size": 256,
                    "cross_learning": False,
                    "predict_batches_jointly": False,
                },
            }
        ).encode()
    )
    assert request.inputs[0].item_id == "product_A"
    assert request.parameters.prediction_length == 3


def test_unknown_fields_beside_a_series_pass_so_that_batch_records_can_carry_their_own() -> None:
    assert decode_request(b'{"id": "row 7", "note": 1, "inputs": [{"item_id": "A", "customer": {"x": [1]}}]}').id == "row 7"


def test_a_misspelt_parameter_is_refused_by_name() -> None:
    error = refused({"inputs": [{"item_id": "A"}], "parameters": {"quantile_level": [0.5]}})
    assert "quantile_level" in error.message


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "malformed_json", ""),
        (b"{", "malformed_json", ""),
        (b"\xff\xfe", "malformed_json", ""),
        (b'{"inputs": [{"item_id": "\xff"}]}', "malformed_json", ""),
        (b"[]", "invalid_value", ""),
        (b"{}", "invalid_value", ""),
        (b'{"inputs": []}', "invalid_value", "inputs"),
        (b'{"inputs": [{"item_id": 7}]}', "invalid_value", "inputs[0].item_id"),
        (b'{"inputs": [{"item_id": ""}]}', "invalid_value", "inputs[0].item_id"),
        (b'{"inputs": [{"item_id": "A"}, {"item_id": "A"}]}', "invalid_value", "inputs[1].item_id"),
        (b'{"inputs": [{"target": ["NaN"]}]}', "invalid_value", "inputs[0].target[0]"),
        (b'{"inputs": [{"target": [true]}]}', "invalid_value", "inputs[0].target[0]"),
        (b'{"inputs": [{"target": [NaN]}]}', "malformed_json", ""),
        (b'{"inputs": [{"target": {"a": 1}}]}', "invalid_value", "inputs[0].target"),
        (b'{"inputs": [{"item_id": "A"}], "parameters": {"prediction_length": 1.5}}', "invalid_value", "parameters.prediction_length"),
        (b'{"inputs": [{"item_id": "A"}], "parameters": null}', "invalid_value", "parameters"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(body: bytes, code: str, field: str) -> None:
    error = refused(body)
    assert (error.code, error.field) == (code, field)
    assert "\n" not in error.message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_without_harm(opening: bytes) -> None:
    assert refused(b'{"inputs": [{"extra": ' + opening * 100_000).code == "malformed_json"


def test_too_many_items_are_refused_with_the_limit() -> None:
    error = refused({"inputs": [{"item_id": str(number)} for number in range(MAX_ITEMS + 1)]})
    assert error.code == "too_many_items"
    assert str(MAX_ITEMS) in error.message


def test_parameters_that_travel_apart_name_their_header() -> None:
    with pytest.raises(RequestError) as caught:
        decode_parameters(b'{"prediction_length": "x"}', "X-Header")
    assert caught.value.field == "X-Header.prediction_length"


@pytest.mark.parametrize(("level", "name"), [(0.1, "0.1"), (0.05, "0.05"), (0.975, "0.975"), (0.5, "0.5")])
def test_a_level_is_named_by_its_shortest_decimal(level: float, name: str) -> None:
    assert level_name(level) == name
