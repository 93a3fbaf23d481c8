"""A training for a trigger: on SageMaker the start of an execution of the pipeline, on EKS a Job.

Asked again, it is not started again. Three things hold that: SageMaker starts once per ClientRequestToken, as long as it remembers
the token; long after, the execution is found by its name, which is made of the same key; and on EKS the name of the Job is taken. What
is not held: a redelivery when SageMaker has forgotten the token and no longer lists the execution, or the cluster the Job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.shared.errors import ApiError
from lambdas.train import frequency, source
from lambdas.train.parameters import checked
from lambdas.train.refusal import refused
from pipelines import approved, execution
from pipelines.aws import client, error_code, is_absent

if TYPE_CHECKING:
    from lambdas.train.trigger import Trigger
    from pipelines.settings import Settings


@dataclass(frozen=True)
class Started:
    """The execution or Job of a trigger, and whether it was there before."""

    id: str
    duplicate: bool


def start(trigger: Trigger, settings: Settings, eks_cluster: str = "") -> Started:
    """Start the training; on the cluster where one is named.

    Errors: ApiError below 500 for what asking again would not mend, of 500 and more for what it may.
    """
    chosen = checked(trigger.asked, settings)
    if eks_cluster:
        return _on_eks(trigger, chosen, settings, eks_cluster)
    try:
        there = execution.named(trigger.name, trigger.since, settings)
        if there is not None:
            return _again(there, chosen, settings)
        pipeline = client("sagemaker", settings).describe_pipeline(PipelineName=settings.pipeline_name)
    except ClientError as error:
        if is_absent(error):
            message = f"pipeline {settings.pipeline_name}: does not exist; put it in place with `housing pipeline upsert`"
            raise ApiError(503, "no_pipeline", message) from error
        raise
    uri, horizon = _data(trigger, chosen, settings)
    against = approved.upload_approved(pipeline["PipelineDefinition"], uri, horizon, settings)
    parameters = {**chosen, "SourceUri": uri, "ApprovedUri": against, "Horizon": str(horizon), **_code_version(settings)}
    return _start(trigger, parameters, settings)


def _start(trigger: Trigger, parameters: Mapping[str, str], settings: Settings) -> Started:
    try:
        arn = execution.start(parameters, settings, f"started by {trigger.reason}", trigger.name, trigger.token)
    except ClientError as error:
        # another delivery of the same event was faster, and what is newest has changed in between
        there = execution.named(trigger.name, trigger.since, settings) if error_code(error) == "ConflictException" else None
        if there is None:
            raise
        return Started(_id(there), duplicate=True)
    return Started(_id(arn), duplicate=False)


def _again(arn: str, chosen: Mapping[str, str], settings: Settings) -> Started:
    """The execution of an earlier delivery; ApiError 422 when the key is used for something else this time."""
    if chosen and not execution.parameters_of(arn, settings).items() >= chosen.items():
        raise refused("key_reused", "", "the idempotency key was used before with other parameters; send another key", 422)
    return Started(_id(arn), duplicate=True)


def _data(trigger: Trigger, chosen: Mapping[str, str], settings: Settings) -> tuple[str, int]:
    """Where the data lies, and how many of its periods are to be forecast."""
    s3: Any = client("s3", settings)
    uri = chosen.get("SourceUri") or (source.copied(*trigger.upload, s3, settings) if trigger.upload else source.newest(s3, settings))
    if "SourceUri" in chosen and not source.complete(uri, s3):
        raise refused("no_source", "parameters.SourceUri", "holds no complete source: panel.csv.gz and source.json")
    months = settings.horizon_months
    return uri, int(chosen["Horizon"]) if "Horizon" in chosen else max(1, months // frequency.months_per_period(uri, s3))


def _code_version(settings: Settings) -> dict[str, str]:
    """That of the newest execution, which was started with the definition that is in place; empty when there was none."""
    arn = execution.latest(settings)
    version = execution.parameters_of(arn, settings).get("CodeVersion") if arn else None
    return {"CodeVersion": version} if version else {}


def _on_eks(trigger: Trigger, chosen: Mapping[str, str], settings: Settings, cluster: str) -> Started:
    """Submit the Job; one of the same name that is there already is the same wish."""
    from pipelines.eks import api, job, jobs, request

    if "TrainingInstanceType" in chosen:
        raise refused("unknown_parameter", "parameters.TrainingInstanceType", "is SageMaker's; the cluster's nodes are in deploy/eks")
    uri, horizon = _data(trigger, chosen, settings)
    origins = int(chosen["Origins"]) if "Origins" in chosen else None
    name = job.job_name(trigger.token, trigger.kind)
    try:
        manifest = job.render(request.training(name, uri, horizon, settings, origins))
        there = api.Cluster.described(cluster, settings.region, client("eks", settings))
        return Started(name, duplicate=jobs.submit(api.Api(there), manifest) == "there")
    except (api.ClusterError, job.JobRequestError) as error:
        raise ApiError(503, "not_possible", str(error), 30) from error


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]
