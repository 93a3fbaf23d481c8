"""What deploying needs to know of a machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hardware:
    """`gpus` of the machine, and the size of a disk that comes with it and encrypts itself: the service refuses a key for it."""

    gpus: int
    local_disk_gib: float
