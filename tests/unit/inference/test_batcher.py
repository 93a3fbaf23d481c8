"""The micro-batcher: any interleaving answers what single calls answer, and nobody pays for another's mistake."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from inference.batcher import Batcher, BatchReport
from inference.errors import RequestError

Predict = Callable[[Sequence[int]], list[int]]


def square(items: Sequence[int]) -> list[int]:
    return [item * item for item in items]


def slow(seconds: float) -> Predict:
    def predict(items: Sequence[int]) -> list[int]:
        time.sleep(seconds)
        return square(items)

    return predict


@pytest.mark.parametrize("expected_seconds", [0.0, 0.002, 0.005, 0.05])
@pytest.mark.parametrize("seed", range(12))
def test_any_interleaving_answers_what_single_calls_answer(expected_seconds: float, seed: int) -> None:
    rng = random.Random(seed)
    requests = [[rng.randrange(1000) for _ in range(rng.randint(1, 9))] for _ in range(60)]

    async def client(batcher: Batcher[int, int], items: list[int], delay: float) -> Sequence[int]:
        await asyncio.sleep(delay)
        return await batcher.submit(items)

    async def run() -> list[Sequence[int]]:
        batcher = Batcher(square, max_rows=7, expected_seconds=expected_seconds)
        answers = await asyncio.gather(*(client(batcher, items, rng.random() * 0.02) for items in requests))
        batcher.close()
        assert batcher.queued_rows == 0
        return list(answers)

    assert asyncio.run(run()) == [square(items) for items in requests]


def test_requests_of_one_turn_share_a_call() -> None:
    calls: list[int] = []

    def predict(items: Sequence[int]) -> list[int]:
        calls.append(len(items))
        return square(items)

    async def run() -> None:
        batcher = Batcher(predict, expected_seconds=0.0)
        await asyncio.gather(*(batcher.submit([number]) for number in range(10)))

    asyncio.run(run())
    assert calls == [10]


def test_a_large_request_is_split_and_answered_in_order() -> None:
    calls: list[int] = []

    def predict(items: Sequence[int]) -> list[int]:
        calls.append(len(items))
        return square(items)

    async def run() -> Sequence[int]:
        return await Batcher(predict, max_rows=4, expected_seconds=0.0).submit(list(range(10)))

    assert asyncio.run(run()) == square(range(10))
    assert calls == [4, 4, 2]


@pytest.mark.parametrize("expected_seconds", [0.0, 0.005])
def test_an_input_that_breaks_the_model_fails_alone(expected_seconds: float) -> None:
    def predict(items: Sequence[int]) -> list[int]:
        if 13 in items:
            raise ValueError("thirteen")
        return square(items)

    async def run() -> list[object]:
        batcher = Batcher(predict, expected_seconds=expected_seconds)
        answers = await asyncio.gather(*(batcher.submit([number]) for number in (11, 13, 17)), return_exceptions=True)
        batcher.close()
        return list(answers)

    first, broken, last = asyncio.run(run())
    assert (first, last) == ([121], [289])
    assert isinstance(broken, ValueError)


def test_rows_beyond_the_queue_are_refused_at_once_with_a_time_to_come_back() -> None:
    async def run() -> RequestError:
        batcher = Batcher(slow(0.05), max_rows=1, max_queue_rows=3, expected_seconds=0.05)
        waiting = [batcher.submit([1]) for _ in range(3)]
        with pytest.raises(RequestError) as caught:
            batcher.submit([1])
        await asyncio.gather(*waiting)
        batcher.close()
        return caught.value

    error = asyncio.run(run())
    assert (error.status, error.code, error.retry_after_seconds) == (503, "overloaded", 1)


def test_requests_past_their_deadline_are_answered_those_that_wait_without_being_predicted() -> None:
    seen: list[int] = []

    def predict(items: Sequence[int]) -> list[int]:
        seen.extend(items)
        time.sleep(0.05)
        return square(items)

    async def run() -> list[Any]:
        batcher = Batcher(predict, max_rows=1, deadline_seconds=0.02, expected_seconds=0.05)
        first = batcher.submit([1])
        await asyncio.sleep(0.01)
        started = time.monotonic()
        errors = await asyncio.gather(first, batcher.submit([2]), return_exceptions=True)
        assert time.monotonic() - started < 0.05
        while batcher.busy:
            await asyncio.sleep(0.01)
        batcher.close()
        return errors

    assert [error.code for error in asyncio.run(run())] == ["deadline_exceeded", "deadline_exceeded"]
    assert seen == [1]


def test_a_cancelled_request_is_not_predicted() -> None:
    seen: list[int] = []

    def predict(items: Sequence[int]) -> list[int]:
        seen.extend(items)
        return square(items)

    async def run() -> None:
        batcher = Batcher(predict, expected_seconds=0.0)
        kept, given_up = batcher.submit([1]), batcher.submit([2])
        given_up.cancel()
        await kept
        assert batcher.queued_rows == 0

    asyncio.run(run())
    assert seen == [1]


def test_the_loop_stays_free_while_a_slow_model_works() -> None:
    threads: set[str] = set()

    def predict(items: Sequence[int]) -> list[int]:
        threads.add(threading.current_thread().name)
        return square(items)

    async def run() -> None:
        batcher = Batcher(predict, expected_seconds=0.05)
        await batcher.submit([1])
        assert batcher.healthy
        batcher.close()

    asyncio.run(run())
    assert threads == {"predict"}


def test_a_batch_reports_its_rows_and_requests() -> None:
    reports: list[BatchReport] = []

    async def run() -> None:
        batcher = Batcher(square, expected_seconds=0.0, on_batch=reports.append)
        await asyncio.gather(batcher.submit([1, 2]), batcher.submit([3]))

    asyncio.run(run())
    assert [(report.rows, report.requests) for report in reports] == [(3, 2)]


def test_arrays_are_joined_as_arrays() -> None:
    async def run() -> list[np.ndarray]:
        batcher: Batcher[Any, Any] = Batcher(lambda block: block * 2, join=np.concatenate, max_rows=5, expected_seconds=0.0)  # type: ignore[operator]
        return list(await asyncio.gather(*(batcher.submit(np.full((rows, 3), rows)) for rows in (1, 4, 12))))

    for rows, answer in zip((1, 4, 12), asyncio.run(run()), strict=True):
        np.testing.assert_array_equal(answer, np.full((rows, 3), 2 * rows))


def test_clients_of_a_slow_model_that_came_in_two_halves_end_up_in_one_batch() -> None:
    sizes: list[int] = []

    def predict(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        time.sleep(0.05)
        return square(items)

    async def run() -> None:
        batcher = Batcher(predict, expected_seconds=0.05)

        async def client(delay: float) -> None:
            await asyncio.sleep(delay)
            for number in range(6):
                assert await batcher.submit([number]) == [number * number]

        await asyncio.gather(*(client(0.02 * (number % 2)) for number in range(8)))
        batcher.close()

    asyncio.run(run())
    assert sizes[0] == 4
    assert sizes.count(8) >= 3
