"""A circuit breaker: a target that keeps failing is left alone for a while, so that nobody waits for it."""

from __future__ import annotations

FAILURES = 3
FIRST_SECONDS = 5.0
MAX_SECONDS = 60.0
ABSENT_SECONDS = 30.0


class Breaker:
    """The state of one target, in one worker. Times are those of a monotonic clock.

    Open after three failures in a row, or at once for a target that does not exist. When its time has passed one request tries the target:
    an answer closes the breaker, another failure opens it for twice as long, a minute at most.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._seconds = FIRST_SECONDS
        self._until = 0.0

    def seconds_open(self, now: float) -> float:
        """How long the target is left alone yet; 0 when it may be asked."""
        return max(0.0, self._until - now)

    def failed(self, now: float, absent: bool = False) -> bool:
        """Note a failure; True when it opened the breaker."""
        self._failures += 1
        if not absent and self._failures < FAILURES:
            return False
        self._until = now + (ABSENT_SECONDS if absent else self._seconds)
        self._seconds = min(MAX_SECONDS, 2 * self._seconds)
        self._failures = FAILURES - 1
        return True

    def answered(self) -> None:
        """Note an answer, whatever it said."""
        self._failures, self._seconds, self._until = 0, FIRST_SECONDS, 0.0
