"""Scheduled actions: at their times they move the bounds of a target."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from emulator.events.expressions import next_time


class Agenda:
    """Which scheduled actions are due; each is looked at from the time it was last looked at, so that none is missed or done twice."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], datetime] = {}

    def due(self, action: Mapping[str, Any], now: datetime) -> bool:
        """Whether a scheduled action has come due since the last question.

        Raises
        ------
        ApiError
            When its schedule or time zone is not valid.
        """
        name = (action["ResourceId"], action["ScheduledActionName"])
        before, self._seen[name] = self._seen.get(name, action["CreationTime"]), now
        start, end = action.get("StartTime") or datetime.min.replace(tzinfo=UTC), action.get("EndTime") or datetime.max.replace(tzinfo=UTC)
        following = next_time(action["Schedule"], max(start, action["CreationTime"]), action.get("Timezone") or "UTC")(max(before, start))
        return following is not None and following <= min(now, end)
