"""A model under pressure: what waits is bounded, who leaves is forgotten, and the probes still answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from inference.app import App
from inference.http import Answer, Request
from inference.model import Model, Outlook
from inference.series import Series
from inference.settings import Settings
from inference.state import State

BODY = json.dumps({"inputs": [{"target": [100.0 + step for step in range(30)]}]}).encode()


class Held:
    """A server in this process whose model answers one series at a time, and only once it is let."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.predicted = 0
        self.entered, self.let = threading.Event(), threading.Event()
        self.state = State(Settings(folder, max_batch_rows=1, **settings))
        self.app = App(self.state)
        model = Model.load(folder)
        predict = model.predict

        def held(series: Sequence[Series]) -> list[Outlook]:
            self.predicted += len(series)
            self.entered.set()
            assert self.let.wait(30)
            return predict(series)

        model.predict = held  # type: ignore[method-assign]
        model.series_seconds = 0.2
        self.state.ready(model)

    async def at_work(self) -> None:
        """Until the model is in a call."""
        assert await asyncio.to_thread(self.entered.wait, 30)

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Status and headers of the answer."""
        peer = Kept()
        await self.app(Request(method, path, {b"content-type": b"application/json"}, body), peer)
        return (peer.answer.status, dict(peer.answer.headers)) if peer.answer else (0, {})


class Kept:
    """A peer that keeps the answer."""

    answer: Answer | None = None

    def write(self, answer: Answer, request_id: str | None, close: bool) -> None:
        self.answer = answer

    async def stream(self, answer: Answer, request_id: str | None, close: bool) -> None:
        raise AssertionError("no long body was sent")


def run(folder: Path, scenario: Callable[[Held], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        server = Held(folder, **settings)
        try:
            await scenario(server)
        finally:
            server.let.set()
            while server.state.batcher and server.state.batcher.busy:
                await asyncio.sleep(0.01)

    asyncio.run(main())


def test_more_than_the_queue_holds_is_refused_with_a_time_to_come_back(synthetic_model: Path) -> None:
    async def scenario(server: Held) -> None:
        accepted = [asyncio.create_task(server.call("POST", "/invocations", BODY))]
        await server.at_work()
        accepted += [asyncio.create_task(server.call("POST", "/invocations", BODY)) for _ in range(2)]
        await asyncio.sleep(0)
        status, headers = await server.call("POST", "/invocations", BODY)
        assert (status, headers["retry-after"]) == (503, "1")
        server.let.set()
        assert [status for status, _ in await asyncio.gather(*accepted)] == [200, 200, 200]

    run(synthetic_model, scenario, max_queue_rows=2)


def test_a_request_whose_client_left_is_not_predicted(synthetic_model: Path) -> None:
    async def scenario(server: Held) -> None:
        first = asyncio.create_task(server.call("POST", "/invocations", BODY))
        await server.at_work()
        left = asyncio.create_task(server.call("POST", "/invocations", BODY))
        await asyncio.sleep(0)
        left.cancel()  # as a connection does when it is lost
        assert await left == (0, {})
        server.let.set()
        assert (await first)[0] == 200
        assert (await server.call("POST", "/invocations", BODY))[0] == 200
        assert server.predicted == 2

    run(synthetic_model, scenario)


def test_an_answer_past_the_deadline_is_a_503_and_a_model_that_hangs_turns_ping_red(synthetic_model: Path) -> None:
    async def scenario(server: Held) -> None:
        status, headers = await server.call("POST", "/invocations", BODY)
        assert (status, headers["retry-after"]) == (503, "1")
        while (await server.call("GET", "/ping"))[0] == 200:
            await asyncio.sleep(0.01)

    run(synthetic_model, scenario, deadline_seconds=0.05)


def test_the_probes_answer_while_the_model_works(synthetic_model: Path) -> None:
    async def scenario(server: Held) -> None:
        working = asyncio.create_task(server.call("POST", "/invocations", BODY))
        await server.at_work()
        assert (await server.call("GET", "/ping"))[0] == 200
        assert not working.done()
        server.let.set()
        assert (await working)[0] == 200

    run(synthetic_model, scenario)


@pytest.mark.parametrize("phase", ["loading", "draining", "failed"])
def test_ping_is_red_in_every_phase_but_ready(synthetic_model: Path, phase: Any) -> None:
    async def scenario(server: Held) -> None:
        server.state.phase, server.state.reason = phase, "no model"
        assert (await server.call("GET", "/ping"))[0] == 503
        assert (await server.call("GET", "/healthz"))[0] == 200

    run(synthetic_model, scenario)
