"""What every step of an update needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.serving import Tier, tiers

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.deploy.records import Record, Records
    from pipelines.settings import Settings


@dataclass(frozen=True)
class Desk:
    """The settings, the records, and whom to tell an outcome."""

    settings: Settings
    records: Records
    announce: Callable[[str, Record], None]

    @property
    def places(self) -> tuple[tuple[str, Tier | None], ...]:
        """Name and tier of every endpoint of the settings; without one the table alone, under the name that the endpoint would have."""
        wanted = tiers(self.settings)
        return tuple((tier.endpoint_name, tier) for tier in wanted) or ((self.settings.endpoint_name, None),)
