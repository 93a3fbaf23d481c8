"""Removes what was made: first what costs by the hour, and on demand everything, data included."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from pipelines import artifacts, endpoint, execution, leftovers, registry, snapshot, stacks
from pipelines import endpoint_state as state
from pipelines.aws import client, is_absent
from pipelines.polling import pauses
from pipelines.settings import Settings

_STACKS = {
    "housing-app": ", with functions, API, queues, rules, alarms and roles",
    "housing-cost": ", with the budget",
    "housing-sagemaker": "",
}
"""What `housing bootstrap` made, in the order of its removal."""


@dataclass(frozen=True)
class Inventory:
    """What of ours exists: what a teardown removes, and what stays (and why)."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]


def inventory(settings: Settings, everything: bool = False) -> Inventory:
    """What a teardown would remove and keep now, without removing anything."""
    serving = [f"endpoint {name}" for name in _endpoints(settings)]
    pipeline = [f"pipeline {settings.pipeline_name}"] * _is_there(lambda: _describe_pipeline(settings))
    packages = [f"model package {settings.model_package_group}/{package.version}" for package in registry.packages(settings)]
    group = [f"model package group {settings.model_package_group}"] * _is_there(lambda: _describe_group(settings))
    bucket = [f"bucket {settings.bucket}, with all under housing/"] * _is_there(lambda: _head_bucket(settings))
    bucket += [f"bucket {settings.artifact_bucket}, with the functions' code"] * artifacts.is_there(settings)
    built = [f"stack {name}{_STACKS[name]}" for name in _STACKS if stacks.describe(name, settings)]
    held = [one.text for one in _held(settings) if one.physical_id != settings.bucket]
    data = [*packages, *group, *built, *held, *bucket]
    running = [f"execution {arn.rpartition('/')[2]}, which runs" for arn in [execution.running(settings)] if arn]
    gone = [*running, *serving, *pipeline, *(data if everything else [])]
    history = ["the records and logs of finished jobs, which cost next to nothing and expire or stay"]
    return Inventory(tuple(gone), (*([] if everything else data), *history))


def teardown(settings: Settings, everything: bool = False) -> Inventory:
    """Stop what runs, delete the endpoints (with scaling, alarms, configurations, models) and the pipeline; repeating it is harmless.

    With `everything` the stacks go too, before all else, so that no rule acts on what follows, and what they would leave behind: buckets
    with all data, images, key and secret; and the registry. Returns what was there.
    """
    found, held = inventory(settings, everything), _held(settings)
    running = execution.running(settings)
    if running:
        execution.stop(running, settings)
        _until_ended(running, settings)
    if everything:
        for name in _STACKS:
            stacks.delete(name, settings)
    endpoint.delete(settings)
    sagemaker = client("sagemaker", settings)
    state.delete_orphans(sagemaker, settings.endpoint_name)
    for name in _pipeline_models(settings):
        _quietly(partial(sagemaker.delete_model, ModelName=name))
    _quietly(lambda: sagemaker.delete_pipeline(PipelineName=settings.pipeline_name, ClientRequestToken=uuid.uuid4().hex))
    if everything:
        for package in registry.packages(settings):
            sagemaker.delete_model_package(ModelPackageName=package.arn)
        _quietly(lambda: sagemaker.delete_model_package_group(ModelPackageGroupName=settings.model_package_group))
        for one in held:
            leftovers.remove(one, settings)
        _quietly(lambda: leftovers.empty_bucket(settings.bucket, settings, "housing/"))
        _quietly(lambda: leftovers.empty_bucket(settings.artifact_bucket, settings))
    return found


def _endpoints(settings: Settings) -> Iterator[str]:
    sagemaker = client("sagemaker", settings)
    for name in (settings.endpoint_name, settings.cpu_endpoint_name):
        if state.describe(sagemaker, name):
            yield name


def _until_ended(execution_arn: str, settings: Settings) -> None:
    for pause in pauses():
        if execution.running(settings) != execution_arn:
            return
        time.sleep(pause)


def _pipeline_models(settings: Settings) -> list[str]:
    """Names of the models that the pipeline's executions made."""
    sagemaker = client("sagemaker", settings)
    found: list[str] = []
    try:
        for page in sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=settings.pipeline_name):
            for item in page["PipelineExecutionSummaries"]:
                steps = snapshot.take(item["PipelineExecutionArn"], settings).steps
                found += [step.detail.rpartition("/")[2] for step in steps if ":model/" in step.detail]
    except ClientError as error:
        if not is_absent(error):
            raise
    return list(dict.fromkeys(found))


def _held(settings: Settings) -> list[leftovers.Leftover]:
    return [one for name in _STACKS for one in leftovers.of_stack(name, settings)]


def _describe_pipeline(settings: Settings) -> Any:
    return client("sagemaker", settings).describe_pipeline(PipelineName=settings.pipeline_name)


def _describe_group(settings: Settings) -> Any:
    return client("sagemaker", settings).describe_model_package_group(ModelPackageGroupName=settings.model_package_group)


def _head_bucket(settings: Settings) -> Any:
    return client("s3", settings).head_bucket(Bucket=settings.bucket)


def _is_there(describe: Callable[[], Any]) -> bool:
    try:
        describe()
    except ClientError as error:
        if is_absent(error):
            return False
        raise
    return True


def _quietly(delete: Callable[[], Any]) -> None:
    """Delete what may be gone already."""
    try:
        delete()
    except ClientError as error:
        if not is_absent(error):
            raise
