"""Which machines take a key for their volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.settings import Settings


def volume_key(instance_type: str, settings: Settings) -> str | None:
    """The chosen key where the service takes one for the machine's volume, else None.

    A machine with a local disk (ml.g5, ml.g4dn) encrypts it itself, and the service refuses a key for it.
    Errors: PriceError when a key is chosen and the table of machines lacks the type.
    """
    if not settings.kms_key_id or settings.hardware(instance_type).local_disk_gib:
        return None
    return settings.kms_key_id
