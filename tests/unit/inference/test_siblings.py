"""The metrics of several workers as one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from inference.siblings import Siblings, merged
from inference.telemetry import Telemetry


def line(text: str, start: str) -> float:
    (found,) = [one for one in text.splitlines() if one.startswith(start + " ")]
    return float(found.rpartition(" ")[2])


def answered(count: int, seconds: float) -> Telemetry:
    telemetry = Telemetry()
    for _ in range(count):
        telemetry.finished("/invocations", 200, telemetry.started() - seconds)
    return telemetry


def test_counts_and_histograms_add_up() -> None:
    text = merged([answered(3, 0.0).exposition().decode(), answered(4, 7.0).exposition().decode()]).decode()
    assert line(text, 'housing_requests_total{route="/invocations",status="200"}') == 7
    assert line(text, 'housing_request_seconds_bucket{le="5.0",route="/invocations"}') == 3
    assert line(text, 'housing_request_seconds_bucket{le="+Inf",route="/invocations"}') == 7
    assert line(text, 'housing_request_seconds_count{route="/invocations"}') == 7


def test_what_every_worker_reads_off_the_same_thing_is_not_added() -> None:
    one = '# TYPE housing_gpu_power_watts gauge\nhousing_gpu_power_watts{gpu="0"} %d\n'
    one += "# TYPE housing_queue_rows gauge\nhousing_queue_rows %d\n"
    text = merged([one % (200, 3), one % (210, 4)]).decode()
    assert line(text, 'housing_gpu_power_watts{gpu="0"}') == 210
    assert line(text, "housing_queue_rows") == 7


def test_whichever_worker_is_asked_the_answer_is_the_sum_of_those_that_are_there(tmp_path: Path) -> None:
    async def run() -> list[float]:
        telemetry = [answered(1, 0.0), answered(2, 0.0)]
        siblings = [Siblings(tmp_path, number) for number in range(2)]
        servers = [await one.open(kept) for one, kept in zip(siblings, telemetry, strict=True)]
        (tmp_path / "2").touch()  # the place of a worker that has just died
        texts = [await one.exposition(kept) for one, kept in zip(siblings, telemetry, strict=True)]
        for server in servers:
            server.close()
        return [line(text.decode(), 'housing_requests_total{route="/invocations",status="200"}') for text in texts]

    assert asyncio.run(run()) == [3, 3]
