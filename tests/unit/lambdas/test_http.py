"""Events in, answers out: HTTP API payloads, base64 bodies, direct invocations, and nonsense."""

from __future__ import annotations

import base64
import json

import pytest

from lambdas.shared.errors import ApiError
from lambdas.shared.http import Answer, read_call, write_answer


def test_an_http_api_event_gives_body_headers_and_id() -> None:
    event = {"version": "2.0", "requestContext": {"requestId": "r1"}, "headers": {"Content-Type": "text/csv"}, "body": "Austin"}
    call = read_call(event, "other")
    assert (call.body, call.headers, call.request_id, call.from_gateway) == (b"Austin", {"content-type": "text/csv"}, "r1", True)


def test_a_base64_body_is_decoded() -> None:
    event = {"requestContext": {}, "body": base64.b64encode(b"\x93NUMPY").decode(), "isBase64Encoded": True}
    assert read_call(event, "r").body == b"\x93NUMPY"


def test_a_direct_invocation_is_the_request_itself() -> None:
    call = read_call({"inputs": [{"item_id": "Austin"}]}, "r")
    assert json.loads(call.body) == {"inputs": [{"item_id": "Austin"}]}
    assert not call.from_gateway


@pytest.mark.parametrize(
    "event", [None, [], "text", {"requestContext": {}, "body": 7}, {"requestContext": {}, "body": "%%%", "isBase64Encoded": True}]
)
def test_an_event_without_meaning_is_refused(event: object) -> None:
    with pytest.raises(ApiError) as caught:
        read_call(event, "r")
    assert caught.value.status == 400


def test_a_direct_invocation_gets_the_answer_itself() -> None:
    call = read_call({"inputs": []}, "r")
    assert write_answer(call, Answer(200, b'{"predictions": []}')) == {"predictions": []}


def test_a_binary_answer_travels_as_base64() -> None:
    call = read_call({"requestContext": {}, "body": "x"}, "r")
    response = write_answer(call, Answer(200, b"\x93NUMPY", {"content-type": "application/x-npy"}))
    assert response["isBase64Encoded"] is True
    assert base64.b64decode(response["body"]) == b"\x93NUMPY"
    assert response["headers"]["content-type"] == "application/x-npy"
