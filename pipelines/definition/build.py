"""Settings -> definition: no credentials, no network, and the same bytes for the same settings."""

from __future__ import annotations

import json
from typing import Any

from pipelines.definition.offline import offline, offline_session
from pipelines.settings import Settings
from pipelines.tags import tag_list

TAGGED = frozenset({"Processing", "Training", "Tuning", "Transform", "Model"})


def build_definition(settings: Settings) -> dict[str, Any]:
    """The pipeline definition as CreatePipeline takes it (decoded JSON)."""
    with offline(settings):
        from sagemaker.mlops.workflow.pipeline import Pipeline

        from pipelines.definition.context import Context
        from pipelines.definition.parameters import Parameters
        from pipelines.definition.steps import all_steps

        context = Context(settings, Parameters.of(settings), offline_session(settings))
        pipeline = Pipeline(
            name=settings.pipeline_name,
            parameters=context.parameters.all(),
            steps=all_steps(context),
            sagemaker_session=context.session,
            pipeline_experiment_config=_experiment(settings),
        )
        definition: dict[str, Any] = _without_nulls(json.loads(pipeline.definition()))
    _tag(definition["Steps"], tag_list(settings))
    return definition


def _tag(steps: list[dict[str, Any]], tags: list[dict[str, str]]) -> None:
    """Tag what each step makes; a package in a group takes no tags of its own."""
    for step in steps:
        arguments = step.get("Arguments", {})
        if step["Type"] in TAGGED:
            arguments["Tags"] = tags
        for branch in ("IfSteps", "ElseSteps"):
            _tag(arguments.get(branch, []), tags)


def _experiment(settings: Settings) -> Any:
    """Where the executions are kept as trials of SageMaker Experiments, None unless an experiment is named."""
    if settings.experiment_name is None:
        return None
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.mlops.workflow.pipeline_experiment_config import PipelineExperimentConfig

    return PipelineExperimentConfig(settings.experiment_name, ExecutionVariables.PIPELINE_EXECUTION_ID)


def _without_nulls(value: Any) -> Any:
    """The SDK writes null for what was not chosen; the service takes its absence as the same."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
