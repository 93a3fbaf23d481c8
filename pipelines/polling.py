"""How long to wait between two looks at something that takes its time."""

from __future__ import annotations

from collections.abc import Iterator


def pauses(first_seconds: float = 0.25, last_seconds: float = 15.0, growth: float = 1.3) -> Iterator[float]:
    """Seconds to wait, without end: short at first, so that what is quick is seen at once, then longer up to `last_seconds`."""
    pause = first_seconds
    while True:
        yield pause
        pause = min(last_seconds, pause * growth)
