"""The state folder."""

import os

import pytest

from emulator.home import Home, HomeError, LastRun

RUN = LastRun(pid=1, port=4599, region="eu-west-1", images=None, started=0.0)


def test_the_folder_comes_from_the_argument_then_the_environment_then_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMULATOR_HOME", str(tmp_path / "env"))
    assert Home.at(tmp_path / "given").folder == tmp_path / "given"
    assert Home.at().folder == tmp_path / "env"
    monkeypatch.delenv("EMULATOR_HOME")
    assert Home.at().folder == tmp_path / ".emulator"


def test_one_holder_of_the_lock_at_a_time(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    assert not home.is_locked()
    held = home.lock()
    assert held is not None
    assert home.is_locked()
    assert home.lock() is None
    os.close(held)
    assert not home.is_locked()


def test_the_last_run_is_read_back(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    assert home.last_run() is None
    home.write_run(RUN)
    assert home.last_run() == RUN
    (tmp_path / "home" / "emulator.json").write_text("{")
    with pytest.raises(HomeError, match="not JSON"):
        home.last_run()


def test_the_state_is_kept_out_of_git(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    home.create()
    assert (tmp_path / "home" / ".gitignore").read_text() == "*\n"
