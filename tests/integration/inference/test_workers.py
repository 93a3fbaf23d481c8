"""Several workers behind one port: one server to its clients, whatever happens to a worker."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Launch = Callable[..., Any]
SERIES = {"inputs": [{"target": [100.0 + step for step in range(40)]}]}


def workers_of(server: Any) -> list[int]:
    return [int(child) for child in Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()]


def started(launch: Launch, model: Path, count: int = 2, **settings: str) -> Any:
    server = launch(model, HOUSING_WORKERS=str(count), **settings)
    server.wait_ready()
    return server


def count_of(server: Any, sample: str) -> float:
    text = server.request("GET", "/metrics")[2].decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(sample))


def test_all_workers_answer_and_their_metrics_are_one(launch: Launch, synthetic_model: Path) -> None:
    server = started(launch, synthetic_model, 3)
    assert len(workers_of(server)) == 3
    answers = [server.forecast(SERIES) for _ in range(30)]
    assert [status for status, _ in answers] == [200] * 30
    assert all(answer == answers[0][1] for _, answer in answers)
    assert count_of(server, 'housing_requests_total{route="/invocations",status="200"}') == 30
    assert server.stop() == 0
    assert "ready" in server.log.read_text()


def test_the_workers_share_the_memory_of_what_was_loaded(launch: Launch, synthetic_model: Path) -> None:
    server = started(launch, synthetic_model)
    for pid in workers_of(server):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        (shared,) = re.findall(r"^Shared_Dirty: +(\d+) kB", rollup, re.MULTILINE)
        assert int(shared) > 10_000


def test_a_worker_that_dies_is_replaced(launch: Launch, synthetic_model: Path) -> None:
    server = started(launch, synthetic_model)
    before = set(workers_of(server))
    os.kill(min(before), signal.SIGKILL)
    until = time.monotonic() + 30
    while len(set(workers_of(server)) - {min(before)}) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert max(before) in workers_of(server)
    assert [server.forecast(SERIES)[0] for _ in range(20)] == [200] * 20
    assert server.stop() == 0
    assert "it is replaced" in server.log.read_text()


def test_a_server_whose_workers_keep_dying_ends_with_status_one(launch: Launch, synthetic_model: Path) -> None:
    server = started(launch, synthetic_model)
    until = time.monotonic() + 60
    while server.process.poll() is None:
        assert time.monotonic() < until
        for pid in workers_of(server)[:1]:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
    assert server.process.wait() == 1


def test_a_model_that_cannot_be_loaded_is_told_by_ping_and_ends_with_status_one(
    launch: Launch, synthetic_model: Path, tmp_path: Path
) -> None:
    shutil.copytree(synthetic_model, tmp_path / "model")
    (tmp_path / "model" / "ensemble.json").write_text("{}")
    server = launch(tmp_path / "model", HOUSING_WORKERS="2", HOUSING_FAILURE_SECONDS="5")
    said = ""
    while server.process.poll() is None and "sha256" not in said:
        try:
            status, _, body = server.request("GET", "/ping")
        except OSError:
            continue
        assert status == 503
        said = json.loads(body)["error"]["message"]
    assert "ensemble.json: its sha256" in said
    assert server.process.wait(30) == 1
    assert "ensemble.json: its sha256" in server.log.read_text()


def test_the_first_200_of_ping_is_followed_by_answers_only(launch: Launch, synthetic_model: Path) -> None:
    server = launch(synthetic_model, HOUSING_WORKERS="2")
    server.wait_ready()
    assert [server.forecast(SERIES)[0] for _ in range(40)] == [200] * 40


def test_a_server_that_still_loads_can_be_stopped(launch: Launch, synthetic_model: Path) -> None:
    server = launch(synthetic_model, HOUSING_WORKERS="2")
    while server.process.poll() is None:
        try:
            server.request("GET", "/ping")
            break
        except OSError:
            continue
    assert server.stop() == 0


def test_no_request_over_kept_connections_is_lost_when_the_server_is_told_to_stop(launch: Launch, synthetic_model: Path) -> None:
    server = started(launch, synthetic_model, HOUSING_DRAIN_SECONDS="1.5")
    body, lost, done = json.dumps(SERIES).encode(), [], [0]
    reported = threading.Event()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        while not reported.is_set():
            try:
                connection.request("POST", "/invocations", body, {"content-type": "application/json"})
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                lost.append(repr(error))
                return
            done[0] += 1
            if response.status != 200:
                lost.append(str(response.status))
            # As load balancers do: who is asked to close comes back on a new connection (http.client opens it by itself).

    clients = [threading.Thread(target=client) for _ in range(6)]
    for one in clients:
        one.start()
    while done[0] < 30:
        time.sleep(0.01)
    server.process.send_signal(signal.SIGTERM)
    while server.request("GET", "/ping")[0] != 503:
        pass
    reported.set()
    for one in clients:
        one.join()
    assert not lost
    assert server.process.wait(30) == 0
