"""Money and its reasons as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pipelines.cost.execution import ExecutionCost
    from pipelines.cost.month import MonthEstimate
    from pipelines.profile import Profile


def profile_table(profile: Profile) -> Group:
    """Settings, then usage: name, value, why."""
    settings, usage = _grid(), _grid()
    for name, choice in profile.settings.items():
        settings.add_row(name, str(choice.value).lower() if isinstance(choice.value, bool) else str(choice.value), choice.why)
    for name in type(profile.usage).model_fields:
        quantity = getattr(profile.usage, name)
        usage.add_row(name, f"{quantity.value:g}", quantity.why)
    return Group(
        Text(f"{profile.name}: {profile.summary}", "bold"),
        Text("\nsettings; an environment variable of the name in capitals, with HOUSING_ before it, overrides each"),
        settings,
        Text("\na month, as `housing cost` takes it"),
        usage,
    )


def month_table(estimate: MonthEstimate) -> Group:
    """One row per line of the estimate, the sums by component, the total."""
    from pipelines.cost.lines import by_component

    grid = Table(box=None)
    for heading in ("component", "what"):
        grid.add_column(heading)
    for heading in ("quantity", "USD each", "USD"):
        grid.add_column(heading, justify="right")
    grid.add_column("unit")
    for line in estimate.lines:
        grid.add_row(line.component, line.what, f"{line.quantity:,.2f}", f"{line.usd_per_unit:.6g}", f"{line.usd:,.2f}", line.unit)
    sums = ", ".join(f"{component} {usd:,.2f}" for component, usd in by_component(estimate.lines).items())
    head = f"profile {estimate.profile}: ${estimate.usd:,.2f} a month"
    source = f"prices of {estimate.prices.region} as of {estimate.prices.as_of}, on demand, before taxes, discounts and free tiers"
    return Group(Text(head, "bold"), grid, Text(sums), Text(source))


def execution_table(cost: ExecutionCost) -> Group:
    """One row per job that ran: machine, seconds, billable seconds, money."""
    grid = Table(box=None)
    for heading in ("step", "machine"):
        grid.add_column(heading)
    for heading in ("seconds", "billable", "USD", "on demand"):
        grid.add_column(heading, justify="right")
    for step in cost.steps:
        machine = f"{step.instances} x {step.instance_type}"
        times = (f"{step.running_seconds:,.0f}", f"{step.billable_seconds:,.0f}")
        grid.add_row(step.step, machine, *times, f"{step.usd:.4f}", f"{step.on_demand_usd:.4f}")
    name = cost.execution_arn.rpartition("/")[2]
    tail = f"${cost.usd:.4f}; Spot saved ${cost.saved_usd:.4f}"
    reused = f"; from the cache, free: {', '.join(cost.reused)}" if cost.reused else ""
    return Group(Text(f"execution {name}: {cost.status}", "bold"), grid, Text(tail + reused))


def month_json(estimate: MonthEstimate) -> dict[str, Any]:
    """The estimate for programs."""
    from pipelines.cost.lines import as_json, by_component

    return {
        "profile": estimate.profile,
        "usd_per_month": round(estimate.usd, 4),
        "components": {component: round(usd, 4) for component, usd in by_component(estimate.lines).items()},
        "lines": [as_json(line) for line in estimate.lines],
        "prices": {"region": estimate.prices.region, "as_of": estimate.prices.as_of.isoformat()},
    }


def execution_json(cost: ExecutionCost) -> dict[str, Any]:
    """The cost of an execution for programs."""
    return {
        "execution": cost.execution_arn,
        "status": cost.status,
        "usd": round(cost.usd, 6),
        "saved_usd": round(cost.saved_usd, 6),
        "steps": [vars(step) for step in cost.steps],
        "reused": list(cost.reused),
    }


def _grid() -> Table:
    grid = Table(box=None, show_header=False)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column(overflow="fold")
    return grid
