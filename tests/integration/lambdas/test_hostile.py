"""Hostile events: whatever API Gateway may hand over, the function answers with a refusal or a forecast, never with a 5xx.

Behind the function stands the real server, without sockets; requests are signed for real. HOUSING_FUZZ_EXAMPLES events, from a fixed seed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inference.app import App
from inference.http import Answer, Request
from inference.model import Model
from inference.settings import Settings
from inference.state import State
from pipelines.signed import Connection, Reply
from tests.integration.lambdas.stub import model_error

EXAMPLES = int(os.environ.get("HOUSING_FUZZ_EXAMPLES", "1500"))
Start = Callable[..., ModuleType]

SCRAPS: list[Any] = [None, True, 0, -1, 1e400, 2**80, "", "Town A", "\ud800", "\x00", [], {}, [[]], {"a": {}}, "9" * 300, [None] * 50]
TYPES = [
    "application/json",
    "application/jsonlines",
    "text/csv",
    "application/x-npy",
    "",
    "text/html",
    "application/json; charset=x",
    "\n",
    "é",
]
HEADERS = ["content-type", "accept", "x-amzn-sagemaker-custom-attributes", "Content-Type", "x-forwarded-for", "authorization", ""]
BODIES = [
    {"inputs": [{"item_id": "Town A"}]},
    {"inputs": [{"item_id": "Town B"}, {"item_id": "Atlantis"}], "id": "x"},
    {"inputs": [{"target": [100.0 + step for step in range(40)], "start": "2010-01-01"}], "parameters": {"prediction_length": 3}},
    {"inputs": [{"item_id": "Town C"}], "parameters": {"quantile_levels": [0.1, 0.9], "explain": False, "members": ["naive"]}},
]


class Server:
    """The real application, answering in this process."""

    def __init__(self, model: Path) -> None:
        self._loop = asyncio.new_event_loop()
        state = State(Settings(model))
        self._app = App(state)
        self._loop.run_until_complete(self._ready(state, model))

    async def _ready(self, state: State, model: Path) -> None:
        state.ready(Model.load(model))

    def post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, str]:
        peer = Whole()
        given = {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}
        self._loop.run_until_complete(self._app(Request("POST", "/invocations", given, body), peer))
        assert peer.answer is not None
        return peer.answer.status, peer.body, peer.answer.content_type

    def close(self) -> None:
        self._loop.close()


class Whole:
    """A peer that keeps the whole answer."""

    answer: Answer | None = None
    body = b""

    def write(self, answer: Answer, request_id: str | None, close: bool) -> None:
        self.answer, self.body = answer, answer.body

    async def stream(self, answer: Answer, request_id: str | None, close: bool) -> None:
        assert answer.stream is not None
        self.answer, self.body = answer, b"".join([piece async for piece in answer.stream])


def spoiled(value: Any, dice: random.Random) -> Any:
    """The value with one thing in it that does not belong there."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        name = dice.choice(list(value))
        changed = {key: spoiled(one, dice) if key == name else one for key, one in value.items()}
        if dice.random() < 0.1:
            changed.pop(name)
        if dice.random() < 0.1:
            changed[str(dice.choice(SCRAPS))] = dice.choice(SCRAPS)
        return changed
    if isinstance(value, list) and value and dice.random() < 0.8:
        place = dice.randrange(len(value))
        return [spoiled(one, dice) if number == place else one for number, one in enumerate(value)]
    return dice.choice(SCRAPS)


def body_of(dice: random.Random) -> str:
    """A request: good, with a wrong value in it, cut off, with bytes changed, or none at all."""
    content: Any = dice.choice(BODIES)
    for _ in range(dice.choice((0, 1, 1, 2))):
        content = spoiled(content, dice)
    text = json.dumps(content, ensure_ascii=dice.random() < 0.5)
    chance = dice.random()
    if chance < 0.15:
        return text[: dice.randrange(len(text) + 1)]
    if chance < 0.3:
        place = dice.randrange(len(text) + 1)
        return text[:place] + dice.choice(["\x00", "{", '"', "\ud800", "é", "[" * 2000, "1e999", "NaN"]) + text[place + 1 :]
    if chance < 0.35:
        return dice.choice(["", "Town A", "Town A,1,2,3,4,5,6\nTown B", "\x93NUMPY" + text, "[" * 100_000, "0" * 5000])
    return text


def event_of(dice: random.Random) -> Any:
    """An event of API Gateway, or something that only calls itself one."""
    body: Any = body_of(dice)
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/v1/forecast",
        "headers": {dice.choice(HEADERS): dice.choice(TYPES) for _ in range(dice.randrange(4))},
        "requestContext": {"requestId": dice.choice(["r1", "é", "a\r\nb", "x" * 500, "JKJaXmPLvHcESHA="]), "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
    }
    if dice.random() < 0.2:
        event["isBase64Encoded"] = True
        event["body"] = base64.b64encode(body.encode("utf-8", "surrogatepass")).decode() if dice.random() < 0.7 else body
    if dice.random() < 0.2:
        return spoiled(event, dice)
    if dice.random() < 0.05:
        return dice.choice([*SCRAPS, *BODIES])
    return event


@pytest.fixture
def predict(start: Start, monkeypatch: pytest.MonkeyPatch, synthetic_model: Path) -> ModuleType:
    """The function, with the real server as both endpoints and an empty bucket."""
    server = Server(synthetic_model)

    def send(_: Connection, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        if method == "GET":
            return Reply(404, {}, b"")
        status, content, kind = server.post(headers, body)
        if status == 200:
            return Reply(200, {"content-type": kind}, content)
        code, named, refused = model_error(status, content.decode())
        return Reply(code, named, refused)

    monkeypatch.setattr(Connection, "send", send)
    return start()


def test_no_event_is_answered_with_a_fault_of_ours(predict: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    dice, seen = random.Random(8), Counter[int]()
    for number in range(EXAMPLES):
        event = event_of(dice)
        response = predict.handler(event, None)
        json.dumps(response)
        if not isinstance(event, dict) or isinstance(event.get("requestContext"), dict):
            assert response["statusCode"] in (200, 400, 406, 413, 415), (number, event, response)
            assert all(isinstance(value, str) and value.isprintable() for value in response["headers"].values())
            seen[response["statusCode"]] += 1
        else:
            assert set(response) & {"error", "predictions"}, (number, event, response)
        capsys.readouterr()
    assert seen[200] > EXAMPLES / 20, "some requests were good"
    assert seen[400] > EXAMPLES / 3
