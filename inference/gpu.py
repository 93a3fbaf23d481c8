"""What the GPUs of this machine say of themselves through NVML, read when /metrics is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_Reading = Callable[[Any, Any], float]

_READINGS: dict[str, tuple[str, _Reading]] = {
    "housing_gpu_utilisation_ratio": ("Share of the last sample in which a kernel ran", lambda nvml, gpu: _rates(nvml, gpu) / 100),
    "housing_gpu_memory_used_bytes": ("Memory in use", lambda nvml, gpu: float(nvml.nvmlDeviceGetMemoryInfo(gpu).used)),
    "housing_gpu_memory_total_bytes": ("Memory there is", lambda nvml, gpu: float(nvml.nvmlDeviceGetMemoryInfo(gpu).total)),
    "housing_gpu_temperature_celsius": (
        "Temperature of the die",
        lambda nvml, gpu: float(nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)),
    ),
    "housing_gpu_power_watts": ("Power drawn", lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000),
    "housing_gpu_sm_clock_hertz": (
        "Clock of the multiprocessors",
        lambda nvml, gpu: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM) * 1e6,
    ),
}


class GpuCollector(Collector):
    """One gauge per reading, one sample per GPU; a reading that a GPU does not offer is left out.

    `nvml` is the module pynvml, initialised.
    """

    def __init__(self, nvml: ModuleType) -> None:
        self._nvml = nvml
        self._gpus = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The readings of this moment."""
        for name, (meaning, read) in _READINGS.items():
            family = GaugeMetricFamily(name, meaning, labels=["gpu"])
            for index, gpu in enumerate(self._gpus):
                try:
                    family.add_metric([str(index)], read(self._nvml, gpu))
                except self._nvml.NVMLError:
                    continue
            if family.samples:
                yield family


def gpu_collector() -> GpuCollector | None:
    """The collector of this machine; None without nvidia-ml-py (in the extra [gpu]), a driver or a GPU."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return GpuCollector(pynvml)
    except pynvml.NVMLError:
        return None


def _rates(nvml: Any, gpu: Any) -> float:
    return float(nvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
