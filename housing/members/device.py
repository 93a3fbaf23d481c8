"""Device: where a network trains and answers. `HOUSING_DEVICE` is `auto` (the default), `cpu` or `cuda`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from housing.errors import SettingsError

VARIABLE = "HOUSING_DEVICE"
CHOICES = ("auto", "cpu", "cuda")


def choose_device() -> torch.device:
    """The first GPU where there is one and `HOUSING_DEVICE` does not forbid it, else the CPU, silently."""
    wanted = os.environ.get(VARIABLE, CHOICES[0])
    if wanted not in CHOICES:
        raise SettingsError(f"{VARIABLE} {wanted!r}: must be one of {', '.join(CHOICES)}")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def reproducible(device: torch.device, threads: int) -> Iterator[None]:
    """The same numbers on every run: deterministic kernels, a fixed number of threads; bfloat16 products on a GPU.

    The process's own settings are restored at the end.
    """
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
