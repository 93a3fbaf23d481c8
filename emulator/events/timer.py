"""When rules and schedules are due: one thread that sleeps until the next of them."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emulator.context import Context
from emulator.events.bus import KIND as RULE
from emulator.events.bus import Bus
from emulator.events.expressions import Next, next_time

SCHEDULE = "schedule"
_LONGEST_SLEEP_SECONDS = 3600.0
_LOG = logging.getLogger(__name__)


def moment(seconds: float) -> datetime:
    """A time of a record as a datetime."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class _Due:
    """One rule or schedule and when it is due next."""

    kind: str
    record: dict[str, Any]
    following: Next
    at: datetime


class Timer:
    """Fires the schedules of one emulator; `context.part(Timer)` is the one to use. What was due while no emulator ran is not caught up."""

    def __init__(self, context: Context) -> None:
        self._context, self._bus = context, context.part(Bus)
        self._wake, self._closed = threading.Event(), False
        threading.Thread(target=self._run, name="event-timer", daemon=True).start()

    def changed(self) -> None:
        """Read rules and schedules anew."""
        self._wake.set()

    def close(self) -> None:
        """Stop."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        dues = list(self._read())
        while not self._closed:
            now = datetime.now(UTC)
            pause = min((due.at - now).total_seconds() for due in dues) if dues else _LONGEST_SLEEP_SECONDS
            if self._wake.wait(min(max(0.0, pause), _LONGEST_SLEEP_SECONDS)):
                self._wake.clear()
                if not self._closed:
                    dues = list(self._read())
                continue
            dues = [due for due in dues if self._fire_if_due(due, datetime.now(UTC))]

    def _read(self) -> Iterator[_Due]:
        now = datetime.now(UTC)
        for kind in (RULE, SCHEDULE):
            for record in self._context.store.list(kind, where=lambda one: one["State"] == "ENABLED" and "ScheduleExpression" in one):
                zone = record.get("ScheduleExpressionTimezone", "UTC")
                begin = max(now, moment(record.get("StartDate", 0)))
                following = next_time(record["ScheduleExpression"], moment(record["Created"]), zone)
                first = following(begin)
                if first is not None:
                    yield _Due(kind, record, following, first)

    def _fire_if_due(self, due: _Due, now: datetime) -> bool:
        """Fire what is due; whether it will be due again."""
        if due.at > now:
            return True
        if due.at.timestamp() <= due.record.get("EndDate", float("inf")):
            self._fire(due)
        upcoming = due.following(now)
        if upcoming is None and due.record.get("ActionAfterCompletion") == "DELETE":
            self._context.store.delete(due.kind, due.record["Key"])
        if upcoming is None:
            return False
        due.at = upcoming
        return True

    def _fire(self, due: _Due) -> None:
        event: dict[str, Any] = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events" if due.kind == RULE else "aws.scheduler",
            "account": self._context.account,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "region": self._context.region,
            "resources": [due.record["Arn"]],
            "detail": {},
        }
        if due.kind == RULE:
            self._bus.deliver(due.record | {"Targets": (self._context.store.get(RULE, due.record["Name"]) or {}).get("Targets", [])}, event)
        else:
            self._bus.schedule(due.record["Target"], due.record["Arn"], event)
