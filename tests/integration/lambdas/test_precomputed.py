"""Known regions from the table of forecasts: the very bytes of the server, no older than allowed, and never a mixture."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inference.contract import decode_request
from inference.errors import RequestError
from inference.model import Model
from inference.prediction import Response
from pipelines.precomputed import address
from tests.integration.lambdas.stub import Aws, answering, event, hanging

LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
FOLDER = "s3://bucket/housing/precomputed/abc/"
Start = Callable[..., ModuleType]


@pytest.fixture(scope="session")
def model(synthetic_model: Path) -> Model:
    return Model.cold(synthetic_model)


def served(model: Model, body: str) -> bytes | None:
    """What the server answers, None where it refuses."""
    try:
        request = decode_request(body.encode())
        wanted, targets = model.resolve(request)
    except RequestError:
        return None
    return Response([model.known(row, wanted) for row in targets if isinstance(row, int)], request.id).json


def publish(aws: Aws, model: Model, **pointer: Any) -> None:
    """The table as `pipelines.precomputed.publish` writes it."""
    inputs = [{"item_id": region} for region in model.forecaster.regions]
    text = served(model, json.dumps({"inputs": inputs, "parameters": {"prediction_length": 6, "quantile_levels": LEVELS}}))
    assert text is not None
    for prediction in json.loads(text)["predictions"]:
        aws.objects[address(FOLDER, prediction["item_id"]).removeprefix("s3://")] = json.dumps(prediction).encode()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"prefix": FOLDER, "regions": 6, "model_version": model.version, "published": now, "months_per_period": 1}
    aws.objects["bucket/housing/precomputed/current.json"] = json.dumps(content | pointer).encode()


@pytest.fixture
def predict(aws: Aws, start: Start, model: Model) -> ModuleType:
    """A started function; the table is published, both endpoints answer."""
    publish(aws, model)
    aws.replies |= {"cpu": answering("cpu"), "gpu": answering("gpu")}
    return start()


def asked(**request: Any) -> str:
    return json.dumps({"inputs": [{"item_id": "Town A"}], **request})


def routed(response: dict[str, Any]) -> tuple[str, str]:
    return response["headers"]["x-housing-route"], response["headers"]["x-housing-degraded"]


def test_every_answer_is_the_servers_byte_for_byte(predict: ModuleType, model: Model) -> None:
    towns = [[{"item_id": name}] for name in model.forecaster.regions] + [[{"item_id": "Town C"}, {"item_id": "Town A"}]]
    lengths: list[dict[str, Any]] = [{}, {"prediction_length": None}, *({"prediction_length": length} for length in (1, 5, 6))]
    levels: list[dict[str, Any]] = [{}, {"quantile_levels": None}, {"quantile_levels": [0.9, 0.1]}, {"quantile_levels": LEVELS}]
    for inputs, length, level, more in itertools.product(towns, lengths, levels, ({}, {"id": "é\n"}, {"id": -7}, {"id": None})):
        body = json.dumps({"inputs": inputs, "parameters": {**length, **level}, **more})
        response = predict.handler(event(body), None)
        assert routed(response) == ("precomputed", "false")
        assert response["body"].encode() == served(model, body)


@pytest.mark.parametrize(
    "body",
    [
        asked(parameters={"prediction_length": 7}),
        asked(parameters={"prediction_length": 0}),
        asked(parameters={"prediction_length": True}),
        asked(parameters={"quantile_levels": [0.25]}),
        asked(parameters={"quantile_levels": []}),
        asked(parameters={"quantile_levels": [0.1, 0.1]}),
        asked(parameters={"quantile_levels": ["0.1"]}),
        asked(parameters={"explain": True}),
        asked(parameters={"explain": None}),
        asked(parameters={"members": ["naive"]}),
        asked(parameters={"drawdown_threshold": 0.2}),
        asked(parameters={"freq": "MS"}),
        asked(parameters={"unknown": 1}),
        asked(parameters=None),
        asked(id=1.5),
        asked(id=True),
        json.dumps({"inputs": [{"item_id": "Atlantis"}]}),
        json.dumps({"inputs": [{"item_id": "Town A"}, {"item_id": "Atlantis"}]}),
        json.dumps({"inputs": [{"item_id": "Town A"}, {"target": [1.0] * 40}]}),
        json.dumps({"inputs": [{"item_id": "Town A"}, {"item_id": "Town A"}]}),
        json.dumps({"inputs": [{"item_id": "Town A", "target": None}]}),
        json.dumps({"inputs": []}),
        json.dumps({"inputs": [{"item_id": "\ud800"}]}),
        json.dumps({"inputs": [{"item_id": "../../current"}]}),
    ],
)
def test_anything_else_is_the_models_to_answer_as_a_whole(predict: ModuleType, body: str) -> None:
    route, degraded = routed(predict.handler(event(body), None))
    assert (route in ("cpu", "gpu"), degraded) == (True, "false")


def test_another_media_type_is_the_models_to_write(predict: ModuleType) -> None:
    assert routed(predict.handler(event(asked(), accept="text/csv"), None))[0] == "cpu"


def test_a_worker_asks_s3_once_for_a_region_and_once_a_minute_for_the_table(aws: Aws, predict: ModuleType) -> None:
    for _ in range(5):
        predict.handler(event(asked()), None)
    assert len(aws.paths("current.json")) == 1
    assert len(aws.paths("Town")) == 1
    for _ in range(3):
        predict.handler(event(json.dumps({"inputs": [{"item_id": "Atlantis"}]})), None)
    assert len(aws.paths("Atlantis")) == 1


def test_many_regions_are_read_at_once(aws: Aws, predict: ModuleType, model: Model) -> None:
    aws.drip_seconds = 0.05
    body = json.dumps({"inputs": [{"item_id": region} for region in model.forecaster.regions]})
    response = predict.handler(event(body), None)
    assert response["body"].encode() == served(model, body)
    assert len(aws.connections) > 2


def table_of(predict: ModuleType) -> Any:
    return predict.service._router._targets["precomputed"]


def test_a_new_table_is_seen_after_a_minute(aws: Aws, predict: ModuleType, model: Model) -> None:
    predict.handler(event(asked()), None)
    target, later = table_of(predict), 61.0
    moved = FOLDER.replace("abc", "def")
    prediction = json.loads(aws.objects[address(FOLDER, "Town A").removeprefix("s3://")]) | {"model_version": "new"}
    aws.objects[address(moved, "Town A").removeprefix("s3://")] = json.dumps(prediction).encode()
    publish(aws, model, prefix=moved)
    assert '"new"' not in predict.handler(event(asked()), None)["body"]
    clock = target._clock
    target._clock = lambda: clock() + later
    assert '"model_version":"new"' in predict.handler(event(asked()), None)["body"]


@pytest.mark.parametrize(("days", "route"), [(44.9, "precomputed"), (45.1, "cpu")])
def test_a_forecast_that_is_too_old_is_no_answer(aws: Aws, start: Start, model: Model, days: float, route: str) -> None:
    publish(aws, model, published=(datetime.now(UTC) - timedelta(days=days)).isoformat())
    aws.replies["cpu"] = answering("cpu")
    assert routed(start().handler(event(asked()), None)) == (route, "false")


def test_a_forecast_that_is_too_old_is_no_answer_even_when_nobody_else_answers(aws: Aws, start: Start, model: Model) -> None:
    publish(aws, model, published=(datetime.now(UTC) - timedelta(days=46)).isoformat())
    response = start().handler(event(asked()), None)
    assert response["statusCode"] == 503


def test_known_regions_are_answered_when_every_endpoint_is_down(aws: Aws, start: Start, model: Model) -> None:
    publish(aws, model)
    assert routed(start().handler(event(asked()), None)) == ("precomputed", "false")


def test_a_quarterly_table_answers_a_year(aws: Aws, start: Start, model: Model) -> None:
    publish(aws, model, months_per_period=3)
    assert len(json.loads(start().handler(event(asked()), None)["body"])["predictions"][0]["mean"]) == 4


def test_where_the_period_is_not_known_the_model_says_how_long_a_year_is(aws: Aws, start: Start, model: Model) -> None:
    publish(aws, model, months_per_period=0)
    aws.replies["cpu"] = answering("cpu")
    function = start()
    assert routed(function.handler(event(asked()), None))[0] == "cpu"
    assert routed(function.handler(event(asked(parameters={"prediction_length": 6})), None))[0] == "precomputed"


S3_FAULTS = {
    "slows down": (503, {}, b"<Error><Code>SlowDown</Code></Error>"),
    "fails": (500, {}, b"<Error/>"),
    "hangs": hanging(1.0),
}


@pytest.mark.parametrize("fault", S3_FAULTS)
def test_when_s3_fails_the_model_answers(aws: Aws, start: Start, fault: str) -> None:
    aws.s3_fault, aws.replies["cpu"] = S3_FAULTS[fault], answering("cpu")
    routes = '[{"route": "precomputed", "seconds": 0.3}, {"route": "cpu"}]'
    assert routed(start(routes=routes).handler(event(asked()), None)) == ("cpu", "true")


@pytest.mark.parametrize("fault", S3_FAULTS)
def test_when_s3_fails_later_what_the_worker_has_is_used_and_marked(aws: Aws, start: Start, model: Model, fault: str) -> None:
    publish(aws, model)
    function = start(routes='[{"route": "precomputed", "seconds": 0.3}, {"route": "cpu"}]')
    before = function.handler(event(asked()), None)["body"]
    aws.s3_fault, target = S3_FAULTS[fault], table_of(function)
    clock = target._clock
    target._clock = lambda: clock() + 61
    count = len(aws.asked)
    for _ in range(3):
        response = function.handler(event(asked()), None)
        assert routed(response) == ("precomputed", "true")
        assert response["body"] == before
    assert len(aws.asked) == count + 1, "S3 is left alone for a few seconds"


BAD: dict[str, tuple[str, bytes]] = {
    "the pointer is no JSON": ("current.json", b"{"),
    "the pointer is a list": ("current.json", b"[]"),
    "the pointer leads elsewhere": ("current.json", b'{"prefix": "s3://other/housing/precomputed/x/", "published": "2026-01-01"}'),
    "the pointer has no date": ("current.json", b'{"prefix": "s3://bucket/housing/precomputed/abc/"}'),
    "the object is no JSON": ("abc/Town%20A.json", b"{"),
    "the object is of another region": ("abc/Town%20A.json", b'{"item_id": "Town B"}'),
    "the object is too large": ("abc/Town%20A.json", b" " * 1_000_001),
}


@pytest.mark.parametrize("what", BAD)
def test_what_lies_there_is_not_believed(aws: Aws, predict: ModuleType, what: str) -> None:
    name, content = BAD[what]
    aws.objects[f"bucket/housing/precomputed/{name}"] = content
    assert routed(predict.handler(event(asked()), None)) == ("cpu", "true")


def test_a_bucket_that_tells_nothing_is_like_an_empty_one(aws: Aws, start: Start) -> None:
    aws.s3_fault, aws.replies["cpu"] = (403, {}, b"<Error><Code>AccessDenied</Code></Error>"), answering("cpu")
    assert routed(start().handler(event(asked()), None)) == ("cpu", "false")


@pytest.mark.parametrize("missing", ["current.json", "abc/Town%20A.json"])
def test_a_missing_object_is_no_fault(aws: Aws, predict: ModuleType, missing: str) -> None:
    del aws.objects[f"bucket/housing/precomputed/{missing}"]
    assert routed(predict.handler(event(asked()), None)) == ("cpu", "false")


def test_without_a_bucket_nobody_asks_s3(aws: Aws, start: Start) -> None:
    aws.replies["cpu"] = answering("cpu")
    assert routed(start(bucket="").handler(event(asked()), None)) == ("cpu", "false")
    assert not aws.paths("precomputed")
