"""Dealing the work of a backtest to hosts: origins that share a fit stay together, so that no host fits what another has fitted."""

from __future__ import annotations

from collections.abc import Sequence

from housing.backtest import first_origin, fit_origin
from housing.members import member_class
from housing.panel import Panel
from training.cluster import Hosts
from training.plan import Plan


def dealt(panel: Panel, plan: Plan, members: Sequence[str], hosts: Hosts) -> tuple[list[int], list[str]]:
    """This host's origins (columns, may be none) and the members that it fits on the whole panel at the end."""
    months = max(member_class(name).REFIT_MONTHS for name in members)
    first = first_origin(panel, plan.horizon)
    groups: dict[int, list[int]] = {}
    for column in plan.columns(panel):
        groups.setdefault(max(fit_origin(panel, column, months), first), []).append(column)
    work = list(groups.values())
    mine = [column for index in hosts.share(len(work)) for column in work[index]]
    last = [name for index, name in enumerate(members) if (len(work) + index) % hosts.count == hosts.rank]
    return mine, last
