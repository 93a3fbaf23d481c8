"""Device: where members train and networks answer. `HOUSING_DEVICE` is `auto` (the default), `cpu` or `cuda`."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from housing.errors import SettingsError

if TYPE_CHECKING:
    import torch

VARIABLE = "HOUSING_DEVICE"
CHOICES = ("auto", "cpu", "cuda")


def choose_device() -> torch.device:
    """A GPU where there is one and `HOUSING_DEVICE` does not forbid it, else the CPU, silently. torchrun's LOCAL_RANK says which one."""
    import torch

    if _wanted() == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def booster_device() -> str:
    """`cuda` where a GPU is, `HOUSING_DEVICE` does not forbid it and the installed XGBoost was built for one, else `cpu`."""
    import xgboost

    return "cuda" if _wanted() != "cpu" and gpu_count() and xgboost.build_info().get("USE_CUDA") else "cpu"


@lru_cache(maxsize=1)
def gpu_count() -> int:
    """GPUs that the driver offers; asked without a library that takes seconds to import."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if found else 0


def _wanted() -> str:
    wanted = os.environ.get(VARIABLE, CHOICES[0])
    if wanted not in CHOICES:
        raise SettingsError(f"{VARIABLE} {wanted!r}: must be one of {', '.join(CHOICES)}")
    return wanted


@contextmanager
def reproducible(device: torch.device, threads: int) -> Iterator[None]:
    """The same numbers on every run: deterministic kernels, a fixed number of threads; bfloat16 products on a GPU.

    The process's own settings are restored at the end.
    """
    import torch

    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    # cuBLAS reads this when its first handle is made; without it a deterministic product is refused.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.set_num_threads(before[1])
