"""The default event bus: an event goes to the targets of every enabled rule that it matches."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from emulator.context import Context
from emulator.events.delivery import Delivery
from emulator.events.patterns import matches

KIND = "event-rule"
_LOG = logging.getLogger(__name__)

Event = dict[str, Any]


class Bus:
    """The bus of one emulator; `context.part(Bus)` is the one to use. Publishing returns at once; a thread matches and delivers."""

    def __init__(self, context: Context) -> None:
        self._context, self._delivery = context, Delivery(context)
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="event-bus", daemon=True).start()

    def publish(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> str:
        """Send an event. Returns its id."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._context.account,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "region": self._context.region,
            "resources": list(resources),
            "detail": dict(detail),
        }
        self._queue.put(event)
        return str(event["id"])

    def deliver(self, rule: Mapping[str, Any], event: Event) -> None:
        """Send an event to the targets of one rule, matched or not: what a schedule does."""
        for target in rule.get("Targets", []):
            self._delivery.start(event, target, rule["Arn"])

    def schedule(self, target: Mapping[str, Any], origin: str, event: Event) -> None:
        """Send an event to one target."""
        self._delivery.start(event, target, origin)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            for rule in self._context.store.list(KIND, where=lambda rule: rule["State"] == "ENABLED" and "EventPattern" in rule):
                if matches(json.loads(rule["EventPattern"]), event):
                    self.deliver(rule, event)

    def close(self) -> None:
        """Stop; events that are under way are lost, as a crash would lose them."""
        self._queue.put(None)
        self._delivery.close()
