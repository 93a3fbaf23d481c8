"""The quality gate: a model that misses a bar is not registered, and the execution says which bar and by how much."""

from __future__ import annotations

from collections.abc import Sequence

from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.steps import Step

from pipelines.definition.processing import EVALUATION_FILE


def quality_gate(passed: Sequence[Step]) -> ConditionStep:
    """Run `passed` when Evaluate found every bar met, Fail with its words otherwise."""
    missed = FailStep("QualityGateMissed", error_message=Join(on=" ", values=["Quality gate", _decision("reason")]))
    return ConditionStep("QualityGate", conditions=[ConditionEquals(_decision("passed"), 1)], if_steps=list(passed), else_steps=[missed])


def _decision(name: str) -> PipelineVariable:
    return JsonGet(step_name="Evaluate", property_file=EVALUATION_FILE, json_path=f"gate.{name}")
