"""How busy the GPUs are, as the driver says (NVML)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def utilization() -> float | None:
    """Share of the last moments in which a kernel ran, in percent, mean over the GPUs; None where there is no GPU or no NVML."""
    library = _library()
    if library is None:
        return None
    try:
        handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
        return sum(float(library.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in handles) / len(handles) if handles else None
    except library.NVMLError:  # a driver that does not tell must not end a training
        return None


@lru_cache(maxsize=1)
def _library() -> Any:
    """NVML, ready to be asked, or None."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
