"""Hostile requests: whatever is sent, the server answers for itself, never with a 5xx and never with a traceback."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.app import App
from inference.content import ATTRIBUTES, TYPES
from inference.http import Answer, Request
from inference.model import Model
from inference.settings import Settings
from inference.state import State

EXAMPLES = int(os.environ.get("HOUSING_FUZZ_EXAMPLES", "400"))


class Client:
    """Calls the application as a server would, without sockets."""

    def __init__(self, model: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.state = State(Settings(model))
        self.app = App(self.state)
        self.loop.run_until_complete(self.start(model))

    async def start(self, model: Path) -> None:
        self.state.ready(Model.load(model))

    def post(self, body: bytes, headers: list[tuple[bytes, bytes]], path: str = "/invocations") -> tuple[int, bytes]:
        return self.loop.run_until_complete(self.call("POST", path, body, headers))

    async def call(self, method: str, path: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
        peer = Whole()
        await self.app(Request(method, path, dict(headers), body), peer)
        assert peer.answer is not None
        return peer.answer.status, peer.body


class Whole:
    """A peer that keeps the answer and the whole of its body."""

    answer: Answer | None = None
    body = b""

    def write(self, answer: Answer, request_id: str | None, close: bool) -> None:
        self.answer, self.body = answer, answer.body

    async def stream(self, answer: Answer, request_id: str | None, close: bool) -> None:
        assert answer.stream is not None
        self.answer, self.body = answer, b"".join([piece async for piece in answer.stream])


@pytest.fixture(scope="module")
def client(synthetic_model: Path) -> Iterator[Client]:
    made = Client(synthetic_model)
    yield made
    made.loop.close()


numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.floats(1, 1e6), st.just(10**400), st.text(max_size=5))
junk = st.recursive(numbers, lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(st.text(max_size=8), inner, max_size=6)))
prices = st.lists(st.one_of(st.floats(1, 1e6), st.none(), numbers), max_size=60)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "item_id": st.one_of(st.sampled_from(["Town A", "Town B", ""]), st.text(max_size=300), junk),
        "target": st.one_of(prices, st.lists(st.floats(50, 200), min_size=5, max_size=400), st.lists(prices, max_size=3), junk),
        "start": st.one_of(st.dates().map(str), st.text(max_size=20), junk),
        "past_covariates": st.one_of(st.dictionaries(st.sampled_from(["sales", "x"]), prices, max_size=2), junk),
        "future_covariates": st.one_of(st.dictionaries(st.sampled_from(["sales", "x"]), prices, max_size=2), junk),
        "more": junk,
    },
)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "prediction_length": st.one_of(st.integers(-2, 14), junk),
        "quantile_levels": st.one_of(st.lists(st.floats(0, 1), max_size=5), junk),
        "freq": st.one_of(st.sampled_from(["MS", "M", "1h", "QS"]), junk),
        "drawdown_threshold": st.one_of(st.floats(0, 1), junk),
        "batch_size": junk,
        "members": st.one_of(st.lists(st.sampled_from(["naive", "momentum", "drift", ""]), max_size=3), junk),
        "explain": st.one_of(st.booleans(), junk),
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.one_of(st.lists(inputs, max_size=4), junk)}, optional={"parameters": st.one_of(parameters, junk), "id": junk}
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


bodies = st.one_of(
    requests.map(as_json),
    requests.map(as_json),
    st.lists(requests.map(as_json), max_size=3).map(b"\n".join),
    junk.map(as_json),
    st.binary(max_size=300),
    st.binary(max_size=120).map(lambda tail: b"\x93NUMPY\x01\x00" + tail),
    st.text(alphabet='Town A,"\n0123456789.-naif', max_size=200).map(str.encode),
)
headers = st.lists(
    st.one_of(
        st.tuples(st.just(b"content-type"), st.one_of(st.sampled_from([name.encode() for name in TYPES]), st.binary(max_size=30))),
        st.tuples(
            st.just(b"accept"), st.one_of(st.sampled_from([b"*/*", b"text/csv", b"application/x-npy;q=0.1"]), st.binary(max_size=30))
        ),
        st.tuples(st.just(ATTRIBUTES.lower().encode()), st.one_of(parameters.map(as_json), st.binary(max_size=50))),
        st.tuples(st.sampled_from([b"content-length", b"traceparent", b"x-amzn-trace-id", b"x-request-id"]), st.binary(max_size=60)),
    ),
    max_size=4,
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=bodies, sent=headers)
def test_no_request_makes_the_server_fail(client: Client, body: bytes, sent: list[tuple[bytes, bytes]]) -> None:
    status, answer = client.post(body, sent)
    assert status in {200, 400, 406, 413, 415}, answer
    if status != 200:
        error = json.loads(answer)["error"]
        assert set(error) == {"code", "field", "message"}
        assert "Traceback" not in error["message"]


def test_after_all_that_it_still_answers(client: Client) -> None:
    status, answer = client.post(as_json({"inputs": [{"item_id": "Town A"}]}), [(b"content-type", b"application/json")])
    assert status == 200
    assert json.loads(answer)["predictions"][0]["item_id"] == "Town A"
