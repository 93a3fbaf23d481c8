"""GPU readings, against a small stand-in for NVML."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from inference.gpu import GpuCollector, gpu_collector


class NVMLError(Exception):
    """What pynvml raises."""


def nvml(**changes: Any) -> Any:
    """A machine with two GPUs; a handle is its index."""
    functions: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVML_TEMPERATURE_GPU": 0,
        "NVML_CLOCK_SM": 1,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=40 + gpu),
        "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(used=1024, total=4096),
        "nvmlDeviceGetTemperature": lambda gpu, sensor: 55,
        "nvmlDeviceGetPowerUsage": lambda gpu: 250_500,
        "nvmlDeviceGetClockInfo": lambda gpu, clock: 1980,
    }
    return SimpleNamespace(**(functions | changes))


def exposition(library: Any) -> str:
    registry = CollectorRegistry()
    registry.register(GpuCollector(library))
    return generate_latest(registry).decode()


def test_every_gpu_is_read_in_base_units() -> None:
    text = exposition(nvml())
    assert 'housing_gpu_utilisation_ratio{gpu="1"} 0.41' in text
    assert 'housing_gpu_memory_used_bytes{gpu="0"} 1024.0' in text
    assert 'housing_gpu_memory_total_bytes{gpu="0"} 4096.0' in text
    assert 'housing_gpu_temperature_celsius{gpu="0"} 55.0' in text
    assert 'housing_gpu_power_watts{gpu="0"} 250.5' in text
    assert 'housing_gpu_sm_clock_hertz{gpu="0"} 1.98e+09' in text


def test_a_reading_that_a_gpu_does_not_offer_is_left_out() -> None:
    def refuse(*_: object) -> None:
        raise NVMLError

    text = exposition(nvml(nvmlDeviceGetPowerUsage=refuse))
    assert "housing_gpu_power_watts" not in text
    assert "housing_gpu_temperature_celsius" in text


def test_without_a_driver_there_is_no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise NVMLError

    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlInit=no_driver))
    assert gpu_collector() is None
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    assert gpu_collector() is not None


def test_without_the_library_there_is_no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_collector() is None
