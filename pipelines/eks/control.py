"""Trainings on EKS from the caller's side: `housing eks render`, `submit`, `status` and `logs`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from botocore.exceptions import ClientError

from pipelines import registry, results, versions
from pipelines.aws import client, is_absent
from pipelines.eks import jobs, watch
from pipelines.eks.api import Api, Cluster, ClusterError
from pipelines.eks.job import JobRequest, job_name, render
from pipelines.eks.request import step_training, training
from pipelines.eks.schedule import render_schedule
from pipelines.eks.watch import JobState
from pipelines.settings import Settings
from pipelines.source import content_address


@dataclass(frozen=True)
class Submission:
    """The Job, and whether it was made now or is the same that is there already."""

    name: str
    created: bool
    output_uri: str


def of_source(folder: Path, horizon: int, settings: Settings, attempt: int = 1) -> JobRequest:
    """The training of a folder of data, at the address that `source.upload_source` gives it. `horizon` is in periods of the panel."""
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    uri = f"{settings.prefix}/sources/{content_address(files)}/"
    return _named(training("train-0", uri, horizon, versions.pinned(settings)), settings, attempt)


def of_execution(execution_arn: str, steps: Sequence[str], settings: Settings, attempt: int = 1) -> JobRequest:
    """The named Train steps of an execution (all, when none is named), from what its Prepare step wrote, through a cache if need be."""
    prepared = results.prepared_uri(execution_arn, settings)
    chosen = tuple(steps) or tuple(settings.train_steps)
    return _named(step_training("train-0", prepared, chosen, versions.pinned(settings)), settings, attempt)


def eks_render(request: JobRequest, schedule: str = "") -> str:
    """The manifest as YAML: a Job, or with a `schedule` (five fields, UTC) a CronJob."""
    return render_schedule(request, schedule) if schedule else render(request)


def eks_submit(request: JobRequest, settings: Settings) -> Submission:
    """Make the Job in the cluster of the settings; the same training asked for again is the same Job."""
    outcome = jobs.submit(connect(settings), render(request))
    return Submission(request.name, outcome == "created", request.output_uri)


def eks_status(settings: Settings, name: str | None = None) -> list[JobState]:
    """Every training of the cluster, or the one of that name."""
    api = connect(settings)
    return watch.all_states(api) if name is None else [watch.state_of(api, name)]


def eks_logs(name: str, settings: Settings, lines: int = 200) -> str:
    """The last lines that a training has printed."""
    return watch.logs(connect(settings), name, lines)


def eks_model(settings: Settings) -> str:
    """The address of the newest approved artifact, for HOUSING_MODEL_URI of the serving pods; RegistryError when none is approved."""
    return str(registry.newest(settings, "Approved").container["ModelDataUrl"])


def connect(settings: Settings) -> Api:
    """The API of the cluster of the settings; ClusterError when none is named, or it does not exist."""
    if settings.eks_cluster is None:
        raise ClusterError("HOUSING_EKS_CLUSTER: is not set; give the name of the cluster (docs/eks.md says how to make one)")
    try:
        return Api(Cluster.described(settings.eks_cluster, settings.region, client("eks", settings)))
    except ClientError as error:
        if is_absent(error):
            raise ClusterError(f"cluster {settings.eks_cluster}: does not exist in {settings.region}; check HOUSING_EKS_CLUSTER") from error
        raise


def _named(request: JobRequest, settings: Settings, attempt: int) -> JobRequest:
    """The request under the name that its content gives it; another `attempt` is another Job."""
    facts = json.dumps([asdict(replace(request, name="", output_uri="")), attempt], sort_keys=True)
    name = job_name(facts)
    return replace(request, name=name, output_uri=f"{settings.prefix}/eks/{name}")
