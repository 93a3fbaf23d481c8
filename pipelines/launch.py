"""From a folder of data to a running execution, in one call that is safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines import capacity, execution, registry, versions
from pipelines.approved import upload_approved
from pipelines.export import export_cached
from pipelines.settings import Settings
from pipelines.source import upload_source


@dataclass(frozen=True)
class Launch:
    """The execution, and whether it was already running with the same data and definition."""

    execution_arn: str
    attached: bool


def launch(source: Path, horizon: int, settings: Settings, say: Callable[[str], None]) -> Launch:
    """Export the definition, put it in place, upload `source` and start an execution, or join the one that does just this.

    `horizon` is in periods of the panel. `say` is told what was done, one line each.
    """
    settings = versions.pinned(settings)
    definition = export_cached(settings)
    change = execution.upsert(definition, settings)
    say(f"pipeline {settings.pipeline_name}: {change}")
    registry.ensure_group(settings)
    uri = upload_source(source, settings)
    say(f"data: {uri}")
    approved = upload_approved(definition, uri, horizon, settings)
    parameters = {"SourceUri": uri, "ApprovedUri": approved, "Horizon": str(horizon), "CodeVersion": versions.code_version()}
    there = execution.running(settings)
    if there and change == "unchanged" and execution.parameters_of(there, settings).items() >= parameters.items():
        return Launch(there, attached=True)
    first = capacity.choices(settings)[0]
    say(f"training on {first.described(settings)}")
    return Launch(execution.start(parameters, settings, first.described(settings)), attached=False)


def relaunch(execution_arn: str, choice: capacity.Choice, settings: Settings) -> str:
    """Start an execution with the parameters of an earlier one on other machines; returns its ARN.

    The pipeline keeps the definition that it had: the other build, whose market and volume keys suit the machines, is in place only
    for the start.
    """
    settings = versions.pinned(settings)
    parameters = execution.parameters_of(execution_arn, settings) | choice.parameters()
    usual = export_cached(settings)
    machines = {"training_instance_type": choice.training_instance_type, "baselines_instance_type": choice.baselines_instance_type}
    execution.upsert(export_cached(settings.model_copy(update={"use_spot": choice.spot, **machines})), settings)
    try:
        return execution.start(parameters, settings, choice.described(settings))
    finally:
        execution.upsert(usual, settings)
