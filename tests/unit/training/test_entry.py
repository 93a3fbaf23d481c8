"""Running a job: the exit status, the one line for people, the traceback for bugs alone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from housing.errors import DataError
from training.contract import MAX_MESSAGE_CHARACTERS, Container
from training.entry import run_job, thread_count
from training.interrupt import EXIT_INTERRUPTED, Interrupted, raise_on_termination


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def fail_as_expected(_: Container) -> None:
    raise DataError("panel: empty;\n give it rows")


def fail_by_a_bug(_: Container) -> None:
    raise KeyError("price")


def test_a_job_that_ends_well_leaves_no_message(root: Path) -> None:
    assert run_job(lambda container: None, "training") == 0
    assert not (root / "output").exists()


def test_an_expected_failure_is_one_line_without_a_traceback(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_job(fail_as_expected, "training") == 1
    assert (root / "output" / "failure").read_text() == "panel: empty; give it rows"
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_processing_job_says_it_where_sagemaker_reads_its_exit_message(root: Path) -> None:
    assert run_job(fail_as_expected, "processing") == 1
    assert (root / "output" / "message").read_text() == "panel: empty; give it rows"


def test_a_bug_leaves_its_traceback_in_the_log_and_its_name_in_the_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_job(fail_by_a_bug, "training") == 1
    assert (root / "output" / "failure").read_text() == "KeyError: 'price'"
    assert "fail_by_a_bug" in capsys.readouterr().err


def test_a_long_reason_is_cut_to_what_sagemaker_keeps(root: Path) -> None:
    def fail(_: Container) -> None:
        raise DataError("x" * 5000)

    run_job(fail, "training")
    assert len((root / "output" / "failure").read_text()) == MAX_MESSAGE_CHARACTERS


def test_a_termination_ends_the_job_with_its_own_status_and_no_failure(root: Path) -> None:
    def work(_: Container) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    assert run_job(work, "training") == EXIT_INTERRUPTED == 143
    assert not (root / "output" / "failure").exists()


def test_the_signal_handler_is_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted), raise_on_termination():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    assert signal.getsignal(signal.SIGTERM) is before


def test_threads_come_from_the_variable_then_from_sagemaker_then_from_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_NUM_CPUS", "8")
    assert thread_count() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert thread_count() == 8
    monkeypatch.setenv("SM_NUM_CPUS", "")
    assert thread_count() == len(os.sched_getaffinity(0))
