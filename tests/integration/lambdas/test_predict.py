"""The predict function against a runtime endpoint on loopback: real boto3, real HTTP, every way to fail."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

FORECAST = {"inputs": [{"item_id": "Austin"}]}


@dataclass
class Runtime:
    """Plays the service: answers what `reply` says, keeps what it was asked."""

    reply: tuple[int, dict[str, str], bytes] = (200, {"content-type": "application/json"}, b'{"predictions": []}')
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    state = Runtime()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            state.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, content = state.reply
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def predict(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The handler, freshly imported as a cold start does."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{runtime.port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("HOUSING_ENDPOINT_NAME", "housing-forecast")
    monkeypatch.delitem(sys.modules, "lambdas.predict.handler", raising=False)
    return importlib.import_module("lambdas.predict.handler")


def event(body: str = json.dumps(FORECAST), **headers: str) -> dict[str, Any]:
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {"version": "2.0", "requestContext": {"requestId": "r1"}, "headers": sent, "body": body, "isBase64Encoded": False}


def refusal(code: str, message: str, status: int = 400, **more: object) -> tuple[int, dict[str, str], bytes]:
    content = {"message": message, "Message": message, **more}
    return status, {"content-type": "application/json", "x-amzn-errortype": code}, json.dumps(content).encode()


def test_the_request_reaches_the_endpoint_unchanged_and_so_does_its_answer(runtime: Runtime, predict: ModuleType) -> None:
    runtime.reply = (200, {"content-type": "application/json"}, b'{"predictions": [{"mean": [1.0]}]}')
    response = predict.handler(event(), None)
    path, headers, body = runtime.asked[0]
    assert path == "/endpoints/housing-forecast/invocations"
    assert headers["content-type"] == "application/json"
    assert body == json.dumps(FORECAST).encode()
    assert (response["statusCode"], response["body"]) == (200, '{"predictions": [{"mean": [1.0]}]}')
    assert response["headers"]["x-request-id"] == "r1"


def test_a_direct_invocation_gets_the_contracts_object(runtime: Runtime, predict: ModuleType) -> None:
    assert predict.handler(FORECAST, None) == {"predictions": []}
    assert json.loads(runtime.asked[0][2]) == FORECAST


def test_media_types_and_attributes_pass_through(runtime: Runtime, predict: ModuleType) -> None:
    attributes = '{"prediction_length": 2}'
    predict.handler(event("Austin", content_type="text/csv", accept="text/csv", x_amzn_sagemaker_custom_attributes=attributes), None)
    headers = runtime.asked[0][1]
    assert (headers["content-type"], headers["accept"]) == ("text/csv", "text/csv")
    assert headers["x-amzn-sagemaker-custom-attributes"] == attributes


def test_the_models_own_refusal_comes_back_with_its_status_and_body(runtime: Runtime, predict: ModuleType) -> None:
    original = '{"error":{"code":"unknown_region","field":"inputs[0].item_id","message":"no"}}'
    runtime.reply = refusal("ModelError", "Received client error", 424, OriginalStatusCode=400, OriginalMessage=original)
    response = predict.handler(event(), None)
    assert (response["statusCode"], response["body"]) == (400, original)
    assert predict.handler(FORECAST, None) == json.loads(original)


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (refusal("ThrottlingException", "Rate exceeded"), 429, "throttled"),
        (refusal("ValidationError", "Endpoint housing-forecast of account 1 not found."), 503, "no_endpoint"),
        (refusal("ValidationError", "CustomAttributes too long"), 400, "invalid_request"),
        (refusal("ServiceUnavailable", "busy", 503), 503, "unavailable"),
        (refusal("AccessDeniedException", "not yours", 403), 502, "upstream"),
    ],
)
def test_each_refusal_of_the_service_has_its_answer(
    runtime: Runtime, predict: ModuleType, reply: tuple[int, dict[str, str], bytes], status: int, code: str
) -> None:
    runtime.reply = reply
    response = predict.handler(event(), None)
    assert response["statusCode"] == status
    assert json.loads(response["body"])["error"]["code"] == code
    assert ("retry-after" in response["headers"]) == (status in {429, 503})


def test_an_endpoint_that_is_not_there_is_a_502(predict: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.delitem(sys.modules, "lambdas.predict.handler")
    response = importlib.import_module("lambdas.predict.handler").handler(event(), None)
    assert response["statusCode"] == 502


def test_more_than_six_megabytes_are_refused_without_asking(runtime: Runtime, predict: ModuleType) -> None:
    response = predict.handler(event(" " * (6 * 1024 * 1024 + 1)), None)
    assert response["statusCode"] == 413
    assert "6291456" in response["body"]
    assert not runtime.asked


def test_an_event_without_meaning_is_refused_without_asking(runtime: Runtime, predict: ModuleType) -> None:
    assert predict.handler([], None)["statusCode"] == 400
    assert predict.handler(event(""), None)["statusCode"] == 400
    assert not runtime.asked


def test_nothing_heavy_and_nothing_of_the_domain_is_imported() -> None:
    import subprocess

    code = "import sys, lambdas.predict.handler; print([m for m in sys.modules if m.partition('.')[0] in {'housing','numpy','torch'}])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": "", "AWS_DEFAULT_REGION": "us-east-1"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
