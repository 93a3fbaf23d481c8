"""The life of the server process: loading, ready, failing, ending."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Launch = Callable[..., Any]


def test_the_first_200_of_ping_is_followed_by_answers(launch: Launch, synthetic_model: Path) -> None:
    server = launch(synthetic_model)
    server.wait_ready()
    for _ in range(20):
        assert server.forecast({"inputs": [{"target": [100.0 + step for step in range(30)]}]})[0] == 200


def test_a_corrupted_artifact_is_named_by_ping_and_log_and_ends_the_process(launch: Launch, synthetic_model: Path, tmp_path: Path) -> None:
    shutil.copytree(synthetic_model, tmp_path / "model")
    (tmp_path / "model" / "ensemble.json").write_text("{}")
    server = launch(tmp_path / "model", HOUSING_FAILURE_SECONDS="5")
    message = ""
    while server.process.poll() is None and "sha256" not in message:
        try:
            status, _, body = server.request("GET", "/ping")
        except OSError:
            continue
        assert status == 503
        message = json.loads(body)["error"]["message"]
        refused = server.forecast({"inputs": [{"item_id": "Town A"}]})
        assert refused[0] == 503
    assert "ensemble.json: its sha256" in message
    assert server.process.wait(30) == 1
    assert "ensemble.json: its sha256" in server.log.read_text()


def test_an_empty_model_folder_ends_the_process_with_the_reason(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    server = launch(tmp_path / "model", HOUSING_FAILURE_SECONDS="0")
    assert server.process.wait(60) == 1
    assert "manifest.json: missing" in server.log.read_text()


def test_a_setting_that_is_no_number_ends_the_process_in_one_line(launch: Launch, synthetic_model: Path) -> None:
    server = launch(synthetic_model, HOUSING_MAX_QUEUE_ROWS="many")
    assert server.process.wait(60) == 1
    assert server.log.read_text().splitlines()[-1].startswith("serve: HOUSING_MAX_QUEUE_ROWS: 'many'")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_told_to_stop_server_ends_with_status_zero(launch: Launch, synthetic_model: Path, number: int) -> None:
    server = launch(synthetic_model)
    server.wait_ready()
    server.process.send_signal(number)
    assert server.process.wait(30) == 0


def test_a_server_that_still_loads_can_be_stopped(launch: Launch, synthetic_model: Path) -> None:
    server = launch(synthetic_model)
    while not server.log.exists() or server.process.poll() is None:
        try:
            server.request("GET", "/ping")
            break
        except OSError:
            continue
    assert server.stop() == 0


def test_no_request_is_lost_when_a_loaded_server_is_told_to_stop(launch: Launch, synthetic_model: Path) -> None:
    server = launch(synthetic_model, HOUSING_DRAIN_SECONDS="1")
    server.wait_ready()
    statuses: list[int] = []
    stopping = threading.Event()

    def client(number: int) -> None:
        while not stopping.is_set():
            statuses.append(server.forecast({"inputs": [{"target": [100.0 + number + step for step in range(40)]}]})[0])

    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for one in clients:
        one.start()
    while len(statuses) < 40:
        pass
    server.process.send_signal(signal.SIGTERM)
    while server.request("GET", "/ping")[0] != 503:
        pass
    stopping.set()
    for one in clients:
        one.join()
    assert set(statuses) == {200}
    assert server.process.wait(30) == 0
