"""The predict function against AWS on loopback: real HTTP, every way to fail, and who answers then."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.integration.lambdas.stub import JSON, Aws, Reply, answering, event, hanging, model_error, refusal

FORECAST = {"inputs": [{"item_id": "Austin"}]}
SIMPLE = json.dumps({"inputs": [{"target": [100.0] * 40}]})
COMPLEX = json.dumps({"inputs": [{"target": [100.0] * 40}], "parameters": {"explain": True}})
FOUNDATION = json.dumps({"inputs": [{"target": [100.0] * 40}], "parameters": {"members": ["chronos2"]}})
MANY = json.dumps({"inputs": [{"target": [100.0] * 40} for _ in range(17)]})
QUICK = json.dumps(
    [
        {"route": "cpu", "max_series": 16, "max_bytes": 65536, "seconds": 0.4, "explain": False, "foundation": False},
        {"route": "gpu", "seconds": 0.4},
        {"route": "cpu", "seconds": 0.4, "only_after_failure": True},
    ]
)
OVERLOADED = '{"error":{"code":"overloaded","field":"","message":"too many rows are waiting"}}'

Start = Callable[..., ModuleType]


def said(response: dict[str, Any]) -> tuple[int, str, str]:
    """Status, route and degraded of a response."""
    return response["statusCode"], response["headers"]["x-housing-route"], response["headers"]["x-housing-degraded"]


def code(response: dict[str, Any]) -> str:
    name: str = json.loads(response["body"])["error"]["code"]
    return name


@pytest.fixture
def predict(aws: Aws, start: Start) -> ModuleType:
    """A started function with both endpoints in service and no table of forecasts."""
    aws.replies |= {"cpu": answering("cpu"), "gpu": answering("gpu")}
    return start(routes=QUICK)


def test_the_request_reaches_the_endpoint_unchanged_and_so_does_its_answer(aws: Aws, predict: ModuleType) -> None:
    aws.replies["cpu"] = (200, JSON, b'{"predictions": [{"mean": [1.0]}]}')
    response = predict.handler(event(), None)
    asked = aws.asked[-1]
    assert asked.path == "/endpoints/cpu/invocations"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["x-amzn-sagemaker-inference-id"] == "r1"
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert asked.body == json.dumps(FORECAST).encode()
    assert response["body"] == '{"predictions": [{"mean": [1.0]}]}'
    assert response["headers"]["x-request-id"] == "r1"


def test_a_direct_invocation_gets_the_contracts_object(aws: Aws, predict: ModuleType) -> None:
    assert predict.handler(FORECAST, None) == {"predictions": ["cpu"]}
    assert json.loads(aws.asked[-1].body) == FORECAST


def test_media_types_and_attributes_pass_through(aws: Aws, predict: ModuleType) -> None:
    attributes = '{"prediction_length": 2}'
    predict.handler(event("Austin", content_type="text/csv", accept="text/csv", x_amzn_sagemaker_custom_attributes=attributes), None)
    headers = aws.asked[-1].headers
    assert (headers["content-type"], headers["accept"]) == ("text/csv", "text/csv")
    assert headers["x-amzn-sagemaker-custom-attributes"] == attributes


@pytest.mark.parametrize(
    ("body", "route"), [(SIMPLE, "cpu"), (COMPLEX, "gpu"), (FOUNDATION, "gpu"), (MANY, "gpu"), (json.dumps(FORECAST), "cpu")]
)
def test_a_request_goes_where_the_table_says(predict: ModuleType, body: str, route: str) -> None:
    assert said(predict.handler(event(body), None)) == (200, route, "false")


def test_without_a_cpu_endpoint_everything_goes_to_the_gpu(aws: Aws, start: Start) -> None:
    aws.replies["gpu"] = answering("gpu")
    assert said(start(cpu_endpoint_name="").handler(event(SIMPLE), None)) == (200, "gpu", "false")


def test_the_models_own_refusal_comes_back_with_its_status_and_body(aws: Aws, predict: ModuleType) -> None:
    original = '{"error":{"code":"unknown_region","field":"inputs[0].item_id","message":"no"}}'
    aws.replies["cpu"] = model_error(400, original)
    response = predict.handler(event(), None)
    assert said(response) == (400, "cpu", "false")
    assert response["body"] == original
    assert predict.handler(FORECAST, None) == json.loads(original)


FAULTS = {
    "throttles": refusal("ThrottlingException", "Rate exceeded"),
    "throttles with 429": refusal("TooManyRequestsException", "Rate exceeded", 429),
    "is overloaded": model_error(503, OVERLOADED),
    "fails": model_error(500, '{"error":{"code":"internal","field":"","message":"the server failed"}}'),
    "fails in the service": (500, JSON, b'{"message": "InternalFailure"}'),
    "fails without words": (502, {}, b"<html>bad gateway</html>"),
    "is busy": refusal("ServiceUnavailable", "busy", 503),
    "is starting": refusal("ModelNotReadyException", "not ready", 429),
    "hangs": hanging(1.0),
    "is being made": refusal("ValidationError", "Endpoint gpu of account 1 is not in service."),
    "does not exist": refusal("ValidationError", "Endpoint gpu of account 1 not found."),
    "is not ours": refusal("AccessDeniedException", "not yours", 403),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_when_the_gpu_endpoint_fails_the_cpu_endpoint_answers_and_says_so(aws: Aws, predict: ModuleType, fault: str) -> None:
    aws.replies["gpu"] = FAULTS[fault]
    response = predict.handler(event(COMPLEX), None)
    assert said(response) == (200, "cpu", "true")
    assert response["body"] == '{"predictions": ["cpu"]}'


@pytest.mark.parametrize("fault", FAULTS)
def test_when_the_cpu_endpoint_fails_the_gpu_endpoint_answers_and_says_so(aws: Aws, predict: ModuleType, fault: str) -> None:
    aws.replies["cpu"] = FAULTS[fault]
    assert said(predict.handler(event(SIMPLE), None)) == (200, "gpu", "true")


ALL_DOWN = {
    "throttles": (429, "throttled"),
    "throttles with 429": (429, "throttled"),
    "is overloaded": (503, "overloaded"),
    "fails": (502, "internal"),
    "fails in the service": (502, "upstream"),
    "fails without words": (502, "upstream"),
    "is busy": (503, "unavailable"),
    "hangs": (504, "timeout"),
    "does not exist": (503, "no_endpoint"),
    "is not ours": (502, "upstream"),
}


@pytest.mark.parametrize("fault", ALL_DOWN)
def test_when_all_fail_alike_the_answer_says_how_and_when_to_try_again(aws: Aws, predict: ModuleType, fault: str) -> None:
    aws.replies |= {"cpu": FAULTS[fault], "gpu": FAULTS[fault]}
    response = predict.handler(event(COMPLEX), None)
    assert (response["statusCode"], code(response)) == ALL_DOWN[fault]
    assert said(response)[1:] == ("none", "false")
    assert int(response["headers"]["retry-after"]) >= 1
    assert len(aws.paths("/endpoints/")) == 2, "each was asked once"


def test_a_foundation_member_is_not_asked_of_a_cpu(aws: Aws, start: Start) -> None:
    aws.replies["cpu"] = answering("cpu")
    response = start().handler(event(FOUNDATION), None)
    assert (response["statusCode"], code(response)) == (503, "no_endpoint")


def test_a_target_that_keeps_failing_is_left_alone(aws: Aws, predict: ModuleType) -> None:
    aws.replies["gpu"] = FAULTS["hangs"]
    for _ in range(5):
        assert said(predict.handler(event(COMPLEX), None)) == (200, "cpu", "true")
    assert len(aws.paths("/gpu/")) == 3


def metrics(text: str) -> list[dict[str, Any]]:
    """The sets of metrics in what was printed."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"_aws"')]


def test_metrics_tell_who_answered_who_failed_and_which_breaker_opened(
    aws: Aws, predict: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.replies["gpu"] = FAULTS["fails"]
    seen: list[dict[str, Any]] = []
    for _ in range(4):
        predict.handler(event(COMPLEX), None)
        seen += metrics(capsys.readouterr().out)
    answered, failed = [[one for one in seen if one["route"] == route] for route in ("cpu", "gpu")]
    assert [(one["Requests"], one["Degraded"], one["Latency"][0] > 0) for one in answered] == [([1.0], [1.0], True)] * 4
    assert ["BreakerOpened" in one for one in failed] == [False, False, True, False]
    assert all(one["Fallbacks"] == [1.0] for one in failed)
    aws.replies |= {"cpu": FAULTS["throttles"], "gpu": FAULTS["throttles"]}
    predict.handler(event(SIMPLE), None)
    last = metrics(capsys.readouterr().out)[0]
    assert (last["route"], last["Throttled"], "Failed" in last, "Refused" in last) == ("none", [1.0], False, False)
    predict.handler(event("{"), None)
    assert metrics(capsys.readouterr().out)[0]["Refused"] == [1.0]


def test_throttling_opens_no_breaker(aws: Aws, predict: ModuleType) -> None:
    aws.replies["gpu"] = FAULTS["throttles"]
    for _ in range(5):
        predict.handler(event(COMPLEX), None)
    assert len(aws.paths("/gpu/")) == 5


def test_the_deadline_is_the_workers_where_that_is_less(aws: Aws, start: Start) -> None:
    aws.replies |= {"cpu": hanging(1.0), "gpu": hanging(1.0)}

    class Context:
        aws_request_id = "l1"

        def get_remaining_time_in_millis(self) -> int:
            return 900

    response = start().handler(event(COMPLEX), Context())
    assert (response["statusCode"], code(response)) == (504, "timeout")
    assert len(aws.paths("/endpoints/")) == 1, "no time was left for a second"


def test_nobody_is_reachable(aws: Aws, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    response = start().handler(event(), None)
    assert (response["statusCode"], code(response)) == (503, "unavailable")


def test_a_connection_that_was_closed_meanwhile_is_opened_again(aws: Aws, predict: ModuleType) -> None:
    predict.handler(event(SIMPLE), None)
    aws.drop_connections()
    assert said(predict.handler(event(SIMPLE), None)) == (200, "cpu", "false")


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (event("{"), "malformed_json"),
        (event('{"inputs": [{"target": [NaN]}]}'), "malformed_json"),
        (event("[" * 10_000), "malformed_json"),
        (event('{"a": ' + "9" * 5000 + "}"), "malformed_json"),
        (event("\ud800"), "malformed_json"),
        (event(""), "malformed_json"),
        (event(SIMPLE, accept="a\nb"), "malformed_header"),
        (event("Austin", content_type="text/csv\r\nx: y"), "malformed_header"),
        ([], "malformed_event"),
    ],
)
def test_what_has_no_meaning_is_refused_without_asking_anybody(aws: Aws, predict: ModuleType, broken: Any, name: str) -> None:
    response = predict.handler(broken, None)
    assert (response["statusCode"], code(response)) == (400, name)
    assert not aws.asked


def test_a_large_request_is_refused_or_becomes_a_job(aws: Aws, start: Start) -> None:
    large = "x,1\n" * 6000
    response = start().handler(event(large, content_type="text/csv"), None)
    assert (response["statusCode"], code(response)) == (413, "too_large")
    assert not aws.asked
    response = start(async_endpoint_name="queue").handler(event(large, content_type="text/csv"), None)
    assert said(response) == (202, "async", "false")
    job = json.loads(response["body"])["job"]
    assert response["headers"]["location"] == job["status_url"] == f"/v1/jobs/{job['id']}"
    assert aws.objects[f"bucket/housing/async/{job['id']}/request"] == large.encode()
    record = json.loads(aws.objects[f"bucket/housing/async/{job['id']}/job.json"])
    assert record["output_uri"] == f"s3://bucket/housing/async/{job['id']}/request.out"
    assert record["accept"] == "text/csv"
    assert aws.paths("/endpoints/queue/async-invocations")


def test_where_the_endpoint_is_asynchronous_everything_is_a_job(aws: Aws, start: Start) -> None:
    response = start(endpoint_name="queue", cpu_endpoint_name="", async_endpoint_name="queue").handler(event(SIMPLE), None)
    assert said(response) == (202, "async", "false")


def test_an_answer_that_lambda_cannot_return_is_refused_or_becomes_a_job(aws: Aws, start: Start) -> None:
    aws.replies["gpu"] = (200, JSON, b'"' + b"x" * 6_300_000 + b'"')
    response = start().handler(event(COMPLEX), None)
    assert (response["statusCode"], code(response)) == (413, "too_large")
    assert start(async_endpoint_name="queue").handler(event(COMPLEX), None)["statusCode"] == 202


@pytest.mark.parametrize(("s3_fault", "status"), [((503, {}, b"<Error><Code>SlowDown</Code></Error>"), 429), ((403, {}, b"<Error/>"), 503)])
def test_a_job_that_cannot_be_kept_is_not_begun(aws: Aws, start: Start, s3_fault: Reply, status: int) -> None:
    function = start(async_endpoint_name="queue")
    aws.s3_fault = s3_fault
    response = function.handler(event("x,1\n" * 6000, content_type="text/csv"), None)
    assert response["statusCode"] == status
    assert not aws.paths("async-invocations")


def test_on_eks_the_service_answers(aws: Aws, start: Start) -> None:
    function = start(backend="eks", eks_url=aws.url)
    assert said(function.handler(event(COMPLEX), None)) == (200, "eks", "false")
    assert aws.asked[-1].path == "/v1/forecast"
    assert "authorization" not in aws.asked[-1].headers
    contract = b'{"error":{"code":"invalid_value","field":"inputs","message":"empty"}}'
    aws.eks = (400, JSON, contract)
    assert said(function.handler(event(COMPLEX), None)) == (400, "eks", "false")
    for reply, expected in (
        ((429, {}, b""), 429),
        ((404, {}, b"nginx"), 502),
        ((503, {}, b""), 503),
        ((302, {"location": "/x"}, b""), 502),
    ):
        aws.eks = reply
        assert function.handler(event(COMPLEX), None)["statusCode"] == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "gke"}, "HOUSING_BACKEND: 'gke': write sagemaker or eks"),
        ({"backend": "eks"}, "HOUSING_EKS_URL: is empty"),
        ({"backend": "eks", "eks_url": "forecast"}, "HOUSING_EKS_URL: 'forecast': is no address"),
        ({"routes": "{"}, "HOUSING_ROUTES: not JSON"),
        ({"routes": "[]"}, "HOUSING_ROUTES: write a list of rows"),
        ({"routes": '[{"route": "tpu"}]'}, r"HOUSING_ROUTES\[0\].route: 'tpu': write one of precomputed, cpu, gpu, eks"),
        ({"routes": '[{"route": "gpu", "second": 3}]'}, r"HOUSING_ROUTES\[0\].second: unknown"),
        ({"routes": '[{"route": "gpu", "seconds": true}]'}, r"HOUSING_ROUTES\[0\].seconds: True is not of type float"),
        ({"routes": '[{"route": "gpu", "seconds": 0}]'}, r"HOUSING_ROUTES\[0\].seconds: 0 is out of range"),
        ({"max_forecast_age_days": "soon"}, "HOUSING_MAX_FORECAST_AGE_DAYS: 'soon': write a number above 0"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_its_name(start: Start, settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        start(**settings)
