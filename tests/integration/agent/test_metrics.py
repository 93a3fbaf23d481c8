"""What a pod tells Prometheus while it trains."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

from tests.conftest import Road
from tests.integration.inference.conftest import free_port

from .conftest import Bucket, Pod, wait_for
from .test_train import SLOW, prepared


def test_a_step_that_has_ended_keeps_its_numbers_and_no_longer_says_what_it_keeps(
    bucket: Bucket, pod: Callable[..., Pod], job: Callable[..., dict[str, str]], synthetic_road: Road
) -> None:
    port = free_port()
    steps = {"first": {"members": "naive"}, "second": SLOW}
    uri = prepared(bucket, synthetic_road, "measured")
    one = pod(**job("measured", steps, HOUSING_JOB_PREPARED_URI=uri, HOUSING_JOB_METRICS_PORT=str(port)))
    wait_for(lambda: "second: 0 checkpoint files restored" in one.log or one.process.poll() is not None, "the second step did not begin")

    def told() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    wait_for(lambda: 'restored_files{step="second"} 0' in told(), "the second step does not say what it found")
    assert 'name="train:seconds",step="first"' in told()
    assert 'kept_files{step="first"}' not in told(), "an alarm on steps that keep nothing would go off for one that has ended"
    assert one.told_to_end() == 143, one.log
