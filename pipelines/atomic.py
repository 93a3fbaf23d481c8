"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_text(text: str, path: Path) -> None:
    """Write `text` to `path` whole or not at all; folders are made."""
    write_bytes(text.encode(), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write `content` to `path` whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
