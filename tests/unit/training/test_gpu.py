"""How busy the GPU is, against a stand-in for NVML."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from training import gpu


class NVMLError(Exception):
    """What pynvml raises."""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    gpu._library.cache_clear()
    yield
    gpu._library.cache_clear()


def library(count: int = 2, **changes: Any) -> Any:
    functions: dict[str, Any] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: count,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=40 + 20 * handle),
    }
    return SimpleNamespace(**(functions | changes))


def refuse(*_: Any) -> None:
    raise NVMLError


def test_it_is_the_mean_over_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library())
    assert gpu.utilization() == 50.0


@pytest.mark.parametrize("changes", [{"nvmlInit": refuse}, {"nvmlDeviceGetUtilizationRates": refuse}, {"count": 0}])
def test_without_a_gpu_or_a_word_of_the_driver_there_is_no_number(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library(**changes))
    assert gpu.utilization() is None


def test_without_nvml_there_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu.utilization() is None
