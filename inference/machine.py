"""What this machine offers to the server: processor cores and GPUs."""

from __future__ import annotations

import math
import os
from pathlib import Path

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def cores(limit: Path = CPU_LIMIT) -> int:
    """Cores that this process may use: those it is bound to, or fewer where the container has a quota of time."""
    bound = len(os.sched_getaffinity(0))
    try:
        quota, period = limit.read_text().split()
    except (OSError, ValueError):
        return bound
    return bound if quota == "max" else max(1, min(bound, math.ceil(int(quota) / int(period))))


def gpus() -> int:
    """GPUs that NVML knows; 0 without nvidia-ml-py, a driver, or where CUDA_VISIBLE_DEVICES hides them.

    CUDA itself is not asked: a process that has used it can't fork.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() and not name.strip().startswith("-")])
    try:
        import pynvml
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
        count = int(pynvml.nvmlDeviceGetCount())
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0
    return count


def devices() -> list[str]:
    """The names by which CUDA_VISIBLE_DEVICES tells the GPUs apart, one per worker; empty where networks answer on the CPU."""
    if os.environ.get("HOUSING_DEVICE", "auto").lower() == "cpu":
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(number) for number in range(gpus())]
    return names if visible is None else [name.strip() for name in visible.split(",")][: len(names)]
