"""Up, down, and what happens when they are not polite."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from emulator import lifecycle
from emulator.errors import EmulatorError
from emulator.home import Home, HomeError
from emulator.lifecycle import NotRunningError, StartError


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    lifecycle.down(tmp_path / "home")


def test_up_finds_the_emulator_that_runs(home):
    first = lifecycle.up(home, port=0)
    assert lifecycle.up(home) == first
    assert lifecycle.status(home)["running"] is True


def test_two_homes_are_two_emulators(home, tmp_path):
    other = tmp_path / "other"
    one, two = lifecycle.up(home), lifecycle.up(other)
    try:
        assert one.port != two.port
        assert lifecycle.status(other)["home"] == str(other)
    finally:
        lifecycle.down(other)


def test_many_at_once_start_one(home):
    command = [sys.executable, "-m", "emulator", "up", "--home", str(home), "--port", "0"]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {start.communicate()[0] for start in starts}
    assert len(answers) == 1
    assert lifecycle.status(home)["url"] in answers.pop()


def test_down_frees_the_port_and_up_takes_it_again(home):
    first = lifecycle.up(home, port=0)
    assert lifecycle.down(home) is True
    assert lifecycle.down(home) is False
    assert lifecycle.status(home) == {"running": False, "home": str(home)}
    assert lifecycle.up(home).port == first.port


def test_a_killed_emulator_is_started_again(home):
    first = lifecycle.up(home, port=0)
    os.kill(first.pid, signal.SIGKILL)
    assert lifecycle.up(home).pid != first.pid  # at once, while the killed one may still hold the lock


def test_one_that_holds_the_lock_and_ends_is_waited_for(home):
    lifecycle.up(home, port=0)
    lifecycle.down(home)
    descriptor = Home.at(home).lock()
    assert descriptor is not None
    release = threading.Timer(0.5, os.close, [descriptor])
    release.start()
    assert lifecycle.up(home).home == home
    release.join()


def test_a_taken_port_is_named(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=str(port)):
            lifecycle.up(home, port=port)


def test_a_start_that_fails_says_why(home, tmp_path):
    with pytest.raises(StartError, match="images"):
        lifecycle.up(home, port=0, images=tmp_path / "absent.yaml")


def test_the_environment_of_a_stopped_emulator_is_an_error(home):
    with pytest.raises(NotRunningError, match="up"):
        lifecycle.env(home)


def test_the_environment_sends_clients_here_and_past_proxies(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "example.com")
    running = lifecycle.up(home, port=0, region="us-west-2")
    env = lifecycle.env(home)
    assert env["AWS_ENDPOINT_URL"] == running.url
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "us-west-2"
    assert env["NO_PROXY"] == "example.com,127.0.0.1,localhost"


def test_reset_removes_an_emulators_folder_and_no_other(home, tmp_path):
    lifecycle.up(home, port=0)
    lifecycle.reset(home)
    assert not home.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(HomeError):
        lifecycle.reset(tmp_path / "mine")
    with pytest.raises(HomeError, match="other files"):
        lifecycle.up(tmp_path / "mine", port=0)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_commands_of_the_shell(home):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "emulator", *words, "--home", str(home)], capture_output=True, text=True, check=False)

    assert run("status").returncode == 3
    assert "emulator at http://127.0.0.1:" in run("up", "--port", "0").stdout
    assert f"export AWS_ENDPOINT_URL={lifecycle.status(home)['url']}" in run("env").stdout
    assert "answering at" in run("logs").stdout
    assert run("down").stdout == "stopped\n"
    failed = run("env")
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)


def test_the_foreground_ends_with_an_interrupt(home):
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator", "up", "--foreground", "--port", "0", "--home", str(home)], start_new_session=True
    )
    while not (Home.at(home).is_locked() and lifecycle.status(home)["running"]):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 0
    assert lifecycle.status(home)["running"] is False


def test_errors_are_of_one_family():
    assert issubclass(StartError, EmulatorError)
    assert issubclass(HomeError, EmulatorError)
    assert Path(Home.at(None).folder).name
