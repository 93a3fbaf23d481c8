"""The server over real HTTP: the contract, the media types, the limits."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from housing.forecaster import Forecaster
from inference.settings import REALTIME_BODY_BYTES

GOLDEN = Path(__file__).parent / "golden"
JSON = "application/json"


def test_the_example_of_the_original_schema_is_answered_in_its_shape(server: Any) -> None:
    status, answer = server.forecast(json.loads((GOLDEN / "request.json").read_text()))
    expected = json.loads((GOLDEN / "response_shape.json").read_text())
    assert status == 200
    for got, shape in zip(answer["predictions"], expected["predictions"], strict=True):
        assert {name: len(value) if isinstance(value, list) else value for name, value in got.items() if name in shape} == shape
        assert set(got) - set(shape) == {"drawdown_probability", "model_version"}


def test_a_known_region_gets_the_stored_forecast_to_six_digits(server: Any, synthetic_model: Path) -> None:
    status, answer = server.forecast({"inputs": [{"item_id": "Town D"}], "parameters": {"prediction_length": 4}})
    assert status == 200
    prediction = answer["predictions"][0]
    stored = Forecaster.load(synthetic_model).forecast_known(["Town D"], 4, (0.1, 0.5, 0.9))
    assert prediction["start"] == "2015-01-01"
    assert prediction["0.9"] == [float(f"{value:.6g}") for value in stored.values[0, :, 2]]
    assert prediction["mean"] == prediction["0.5"]


def test_the_same_request_gets_the_same_bytes_whatever_else_is_asked(server: Any) -> None:
    series = [{"item_id": f"s{n}", "target": [100.0 + n + step for step in range(20 + 9 * n)]} for n in range(6)]
    alone = [server.forecast({"inputs": [one]})[1]["predictions"][0] for one in series]
    together = server.forecast({"inputs": series})[1]["predictions"]
    assert together == alone


def test_a_known_regions_own_series_is_answered_like_an_unseen_one(server: Any, synthetic_model: Path) -> None:
    forecaster = Forecaster.load(synthetic_model)
    panel = forecaster.panel
    own = {name: [None if math.isnan(v) else v for v in values[0].tolist()] for name, values in panel.covariates.items()}
    item = {"item_id": "mine", "start": f"{panel.dates[0]}-01", "target": panel.price[0].tolist(), "past_covariates": own}
    prediction = server.forecast({"inputs": [item]})[1]["predictions"][0]
    expected = forecaster.forecast_panel(panel.select(["Town A"]), levels=(0.1,))
    assert prediction["0.1"] == [float(f"{value:.6g}") for value in expected.values[0, :, 0]]


def test_json_lines_answers_line_for_line_and_a_bad_line_in_its_place(server: Any, synthetic_road: Any) -> None:
    lines = synthetic_road.requests.read_text().splitlines()
    lines.insert(2, '{"inputs": [{"item_id": "Atlantis"}]}')
    lines.insert(4, "not json")
    status, headers, body = server.request("POST", "/invocations", "\n".join(lines).encode(), content_type="application/jsonlines")
    answers = [json.loads(line) for line in body.splitlines()]
    assert (status, headers["content-type"], len(answers)) == (200, "application/jsonlines", len(lines))
    assert answers[2]["error"]["code"] == "unknown_region"
    assert answers[4]["error"]["code"] == "malformed_json"
    assert [one["id"] for one in answers if "id" in one] == [f"Town {letter}" for letter in "ABCDEF"]


def test_csv_answers_line_for_line(server: Any) -> None:
    body = b'Town A\n"new, one",100,101,,103,104,105,106\n'
    attributes = json.dumps({"prediction_length": 2, "quantile_levels": [0.1, 0.9]})
    status, headers, answer = server.request(
        "POST", "/invocations", body, content_type="text/csv", X_Amzn_SageMaker_Custom_Attributes=attributes
    )
    rows = answer.decode().splitlines()
    assert (status, headers["content-type"]) == (200, "text/csv")
    assert rows[0].startswith("Town A,")
    assert rows[1].startswith('"new, one",')
    assert len(rows[0].split(",")) == 3 + 2 * 2


def test_npy_in_npy_out(server: Any) -> None:
    table = np.linspace(100, 200, 2 * 30).reshape(2, 30)
    table[0, :5] = np.nan
    buffer = io.BytesIO()
    np.save(buffer, table)
    status, _, answer = server.request("POST", "/invocations", buffer.getvalue(), content_type="application/x-npy")
    values = np.load(io.BytesIO(answer))
    assert status == 200
    assert values.shape == (2, 6, 3)
    assert (np.diff(values, axis=-1) >= 0).all()


def test_accept_chooses_the_answers_type(server: Any) -> None:
    body = b'{"inputs": [{"item_id": "Town A"}]}'
    _, headers, _ = server.request("POST", "/invocations", body, content_type=JSON, accept="text/csv;q=0.9, image/png")
    assert headers["content-type"] == "text/csv"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "image/png"}, 415),
        ({"content_type": JSON, "accept": "image/png"}, 406),
        ({"content_type": JSON, "accept": "application/json;q=0"}, 406),
    ],
)
def test_a_media_type_that_is_not_spoken_is_refused(server: Any, headers: dict[str, str], status: int) -> None:
    got, _, body = server.request("POST", "/invocations", b"{}", **headers)
    assert got == status
    assert json.loads(body)["error"]["message"]


def test_six_megabytes_are_read_and_one_byte_more_is_refused_with_the_limit(server: Any) -> None:
    status, _, _ = server.request("POST", "/invocations", b" " * REALTIME_BODY_BYTES, content_type=JSON)
    assert status == 400
    status, _, body = server.request("POST", "/invocations", b" " * (REALTIME_BODY_BYTES + 1), content_type=JSON)
    assert status == 413
    assert str(REALTIME_BODY_BYTES) in json.loads(body)["error"]["message"]


def test_unknown_paths_and_methods_are_named(server: Any) -> None:
    assert server.request("GET", "/nothing")[0] == 404
    assert server.request("GET", "/invocations")[0] == 405


def test_both_routes_of_the_forecast_are_one(server: Any) -> None:
    body = b'{"inputs": [{"item_id": "Town B"}]}'
    first = server.request("POST", "/invocations", body, content_type=JSON)[2]
    assert server.request("POST", "/v1/forecast", body, content_type=JSON)[2] == first


def test_the_probes_the_regions_and_the_batch_parameters_answer(server: Any) -> None:
    assert server.request("GET", "/healthz")[0] == server.request("GET", "/readyz")[0] == 200
    regions = json.loads(server.request("GET", "/v1/regions")[2])
    assert regions["regions"][0] == "Town A"
    assert json.loads(server.request("GET", "/execution-parameters")[2])["MaxPayloadInMB"] == 6


def test_metrics_count_requests_errors_and_batches(server: Any) -> None:
    server.forecast({"inputs": [{"target": [100.0 + step for step in range(30)]}]})
    server.forecast({"inputs": [{"item_id": "Atlantis"}]})
    text = server.request("GET", "/metrics")[2].decode()
    assert 'housing_requests_total{route="/invocations",status="200"}' in text
    assert 'housing_errors_total{code="unknown_region"}' in text
    assert "housing_batch_rows_count" in text
    assert 'housing_member_seconds_count{member="naive"}' in text
    assert "housing_model_load_seconds" in text


def long_lines(count: int) -> list[str]:
    series = [round(100 + step * 1.5, 2) for step in range(24)]
    return [json.dumps({"id": number, "inputs": [{"target": [*series, 100 + number]}]}) for number in range(count)]


def test_a_long_body_of_lines_is_answered_in_order_line_for_line(server: Any) -> None:
    lines = long_lines(2500)
    lines[1500] = "not json"
    status, headers, body = server.request("POST", "/invocations", "\n".join(lines).encode(), content_type="application/jsonlines")
    answers = [json.loads(line) for line in body.splitlines()]
    assert status == 200
    assert "content-length" not in headers
    assert answers[1500]["error"]["code"] == "malformed_json"
    assert [one["id"] for one in answers if "id" in one] == [number for number in range(2500) if number != 1500]
    alone = server.request("POST", "/invocations", lines[2400].encode(), content_type="application/jsonlines")[2]
    assert json.loads(alone) == answers[2400]


def test_a_long_table_is_checked_whole_before_its_first_row_is_answered(server: Any) -> None:
    rows = [f"s{number}," + ",".join(str(100 + number + step) for step in range(12)) for number in range(1100)]
    status, _, body = server.request("POST", "/invocations", "\n".join(rows).encode(), content_type="text/csv")
    assert status == 200
    assert [line.split(",")[0] for line in body.decode().splitlines()] == [f"s{number}" for number in range(1100)]
    rows[1050] += ",-5"
    status, _, body = server.request("POST", "/invocations", "\n".join(rows).encode(), content_type="text/csv")
    assert (status, json.loads(body)["error"]["field"]) == (400, "inputs[1050].target[12]")


def test_a_long_array_is_one_array_again(server: Any) -> None:
    table = 100 + np.arange(1500)[:, None] * 0.1 + np.arange(24)[None, :]
    buffer = io.BytesIO()
    np.save(buffer, table)
    status, _, body = server.request("POST", "/invocations", buffer.getvalue(), content_type="application/x-npy")
    values = np.load(io.BytesIO(body))
    assert (status, values.shape) == (200, (1500, 6, 3))
    buffer = io.BytesIO()
    np.save(buffer, table[1400:1401])
    alone = np.load(io.BytesIO(server.request("POST", "/invocations", buffer.getvalue(), content_type="application/x-npy")[2]))
    np.testing.assert_array_equal(alone[0], values[1400])


def test_reasons_add_up_for_known_and_unseen_alike(server: Any) -> None:
    series = [100.0 + 0.4 * step + (5 if step % 12 == 3 else 0) for step in range(60)]
    request = {"inputs": [{"item_id": "Town A"}, {"item_id": "new", "target": series}], "parameters": {"explain": True}}
    status, answer = server.forecast(request)
    assert status == 200
    for prediction in answer["predictions"]:
        price, reasons = prediction["explanation"]["price"], prediction["explanation"]["drawdown"]
        assert price["log_price"] == pytest.approx(price["base"] + sum(price["contributions"].values()), abs=1e-3)
        assert prediction["0.5"][-1] == pytest.approx(math.exp(price["log_price"]), rel=1e-4)
        if prediction["drawdown_probability"] is None:
            continue
        total = reasons["base"] + sum(reasons["contributions"].values())
        assert reasons["log_odds"] == pytest.approx(total, abs=1e-4)
        assert prediction["drawdown_probability"] == pytest.approx(1 / (1 + math.exp(-reasons["log_odds"])), rel=1e-4)
    assert "explanation" not in server.forecast({"inputs": [{"item_id": "Town A"}]})[1]["predictions"][0]


def test_some_members_can_be_asked_apart(server: Any) -> None:
    def median(members: list[str] | None) -> object:
        parameters = {} if members is None else {"members": members}
        answer = server.forecast({"inputs": [{"item_id": "Town A"}], "parameters": parameters})[1]["predictions"][0]
        assert (answer["item_id"], answer["start"]) == ("Town A", "2015-01-01")
        return answer["0.5"]

    naive, momentum, both = median(["naive"]), median(["momentum"]), median(["momentum", "naive"])
    assert naive != momentum
    assert both not in (naive, momentum)
    for members in (["drift"], ["oracle"], []):
        status, answer = server.forecast({"inputs": [{"item_id": "Town A"}], "parameters": {"members": members}})
        assert (status, answer["error"]["field"]) == (400, "parameters.members")
