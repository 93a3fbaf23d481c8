"""Which machines a pipeline definition asks for, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Job:
    """One job of a definition: its step, kind ("Processing", "Training" or "Transform"), machines, and the limits that it may reach.

    `times` is how often the job runs within one execution: more than once for the trials of a tuning step.
    """

    step: str
    kind: str
    instance_type: str
    instances: int
    spot: bool
    max_seconds: int
    volume_gib: float
    times: int = 1


def jobs(definition: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> Iterator[Job]:
    """Every job of the definition, those behind conditions too; `parameters` override the definition's defaults."""
    known = {item["Name"]: item.get("DefaultValue") for item in definition.get("Parameters", [])} | dict(parameters or {})
    for step in _steps(definition["Steps"]):
        reader = _READERS.get(step["Type"])
        if reader:
            yield reader(step["Name"], step["Arguments"], known)


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        arguments = step.get("Arguments", {})
        yield from _steps(arguments.get("IfSteps", []))
        yield from _steps(arguments.get("ElseSteps", []))


def _value(given: Any, known: Mapping[str, Any]) -> Any:
    """A value as it stands, or that of the parameter that it refers to."""
    if isinstance(given, Mapping):
        return known.get(str(given.get("Get", "")).removeprefix("Parameters."))
    return given


def _processing(name: str, arguments: Mapping[str, Any], known: Mapping[str, Any]) -> Job:
    cluster = arguments["ProcessingResources"]["ClusterConfig"]
    limit = arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 24 * SECONDS_PER_HOUR)
    return _job(name, "Processing", cluster, known, limit=limit)


def _training(name: str, arguments: Mapping[str, Any], known: Mapping[str, Any]) -> Job:
    limit = arguments["StoppingCondition"]["MaxRuntimeInSeconds"]
    return _job(name, "Training", arguments["ResourceConfig"], known, limit=limit, spot=arguments.get("EnableManagedSpotTraining", False))


def _tuning(name: str, arguments: Mapping[str, Any], known: Mapping[str, Any]) -> Job:
    definition = arguments.get("TrainingJobDefinition") or arguments["TrainingJobDefinitions"][0]
    trials = arguments["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    one = _training(name, definition, known)
    return Job(**{**vars(one), "times": int(_value(trials, known))})


def _transform(name: str, arguments: Mapping[str, Any], known: Mapping[str, Any]) -> Job:
    return _job(name, "Transform", arguments["TransformResources"], known, limit=24 * SECONDS_PER_HOUR)


def _job(name: str, kind: str, cluster: Mapping[str, Any], known: Mapping[str, Any], *, limit: Any, spot: bool = False) -> Job:
    return Job(
        step=name,
        kind=kind,
        instance_type=str(_value(cluster["InstanceType"], known)),
        instances=int(_value(cluster["InstanceCount"], known)),
        spot=bool(_value(spot, known)),
        max_seconds=int(_value(limit, known)),
        volume_gib=float(_value(cluster.get("VolumeSizeInGB", 0), known)),
    )


_READERS = {"Processing": _processing, "Training": _training, "Tuning": _tuning, "Transform": _transform}
