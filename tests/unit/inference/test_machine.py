"""What the machine offers: cores by binding and quota, GPUs by NVML and what is visible of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inference.machine import cores, devices, gpus
from inference.serve import parts_of
from inference.settings import Settings


class NVMLError(Exception):
    """What pynvml raises."""


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """NVML of a machine with two GPUs; none is here."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("HOUSING_DEVICE", raising=False)
    calls: list[str] = []
    module = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: calls.append("init"),
        nvmlDeviceGetCount=lambda: 2,
        nvmlShutdown=lambda: calls.append("shutdown"),
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return calls


def test_cores_are_those_bound_to_or_fewer_by_quota(tmp_path: Path) -> None:
    bound = len(os.sched_getaffinity(0))
    limit = tmp_path / "cpu.max"
    assert cores(limit) == bound
    for text, most in {
        "max 100000": bound,
        "100000 100000": 1,
        "10000 100000": 1,
        f"{bound * 500000} 100000": bound,
        "nonsense": bound,
    }.items():
        limit.write_text(text)
        assert cores(limit) == most


def test_there_is_a_worker_per_gpu_that_sees_only_its_own(two_gpus: list[str]) -> None:
    assert gpus() == 2
    assert two_gpus == ["init", "shutdown"]
    parts, shared = parts_of(Settings(Path()))
    assert [part.environment for part in parts] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    assert not shared


def test_hidden_gpus_do_not_count_and_names_are_kept(two_gpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5a")
    assert devices() == ["3", "GPU-5a"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert devices() == []


def test_on_the_cpu_there_is_a_worker_per_core_or_as_many_as_asked_for(two_gpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_DEVICE", "cpu")
    parts, shared = parts_of(Settings(Path()))
    assert (len(parts), shared) == (cores(), True)
    parts, shared = parts_of(Settings(Path(), workers=5))
    assert (len(parts), shared) == (5, True)
    assert all(part.environment == {} for part in parts)


def test_without_a_driver_there_are_no_gpus(two_gpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise NVMLError

    monkeypatch.setattr(sys.modules["pynvml"], "nvmlInit", no_driver)
    assert gpus() == 0
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpus() == 0
