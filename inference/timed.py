"""Members that report how long they took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from housing.features.market import Market
from housing.forecaster import Forecaster
from housing.members.base import Member
from housing.panel import Floats, Panel

OnMember = Callable[[str, float], None]
"""Told the name of a member and the seconds of one `predict`."""


class _TimedMember:
    def __init__(self, name: str, member: Member, on_member: OnMember) -> None:
        self._name, self._member, self._on_member = name, member, on_member

    def predict(self, panel: Panel, horizon: int, market: Market | None = None) -> Floats:
        started = time.perf_counter()
        values = self._member.predict(panel, horizon, market)
        self._on_member(self._name, time.perf_counter() - started)
        return values


def with_timed_members(forecaster: Forecaster, on_member: OnMember) -> Forecaster:
    """The same forecaster, fit for `log_quantiles` only: its online members have nothing but `predict`, and report."""
    online = {name: cast(Member, _TimedMember(name, member, on_member)) for name, member in forecaster.online.items()}
    return replace(forecaster, online=online)
