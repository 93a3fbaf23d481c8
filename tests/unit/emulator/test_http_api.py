"""Which route of an HTTP API a request takes, and what a function's result becomes."""

import json

import pytest

from emulator.functions.http_api import Route, _answer, match

ROUTES = {
    key: Route(key)
    for key in (
        "POST /v1/forecast",
        "GET /v1/{name}",
        "ANY /v1/{name}",
        "GET /v1/regions/{region}/months/{month}",
        "GET /{proxy+}",
        "$default",
    )
}


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("POST", "/v1/forecast", "POST /v1/forecast", {}),
        ("GET", "/v1/forecast", "GET /v1/{name}", {"name": "forecast"}),
        ("PUT", "/v1/other%20one", "ANY /v1/{name}", {"name": "other one"}),
        ("GET", "/v1/regions/Austin/months/3", "GET /v1/regions/{region}/months/{month}", {"region": "Austin", "month": "3"}),
        ("GET", "/a/b/c", "GET /{proxy+}", {"proxy": "a/b/c"}),
        ("POST", "/a/b/c", "$default", {}),
    ],
)
def test_the_most_specific_route_wins(method, path, key, parameters):
    found = match(ROUTES, method, path)
    assert found is not None
    assert (found.key, found.parameters) == (key, parameters)


def test_without_a_route_nothing_matches():
    assert match({"GET /a": Route("f")}, "GET", "/b") is None


def test_a_result_with_a_status_is_the_response_and_any_other_is_the_body():
    status, headers, body = _answer(
        json.dumps({"statusCode": 201, "headers": {"X-A": 1}, "body": "aGk=", "isBase64Encoded": True}).encode()
    )
    assert (status, dict(headers)[b"x-a"], body) == (201, b"1", b"hi")
    assert _answer(b'{"a": 1}') == (200, [(b"content-type", b"application/json")], b'{"a": 1}')
