"""The quality gate: a model that misses a bar is not registered, and the execution says which bar and what it reached."""

from __future__ import annotations

from collections.abc import Sequence

from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.workflow.conditions import Condition, ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.steps import Step

from pipelines.definition.parameters import Parameters
from pipelines.definition.processing import EVALUATION_FILE


def quality_gate(parameters: Parameters, passed: Sequence[Step]) -> ConditionStep:
    """Run `passed` when every bar is met, Fail otherwise."""
    return ConditionStep("QualityGate", conditions=_conditions(parameters), if_steps=list(passed), else_steps=[_fail(parameters)])


def _measured(name: str) -> PipelineVariable:
    return JsonGet(step_name="Evaluate", property_file=EVALUATION_FILE, json_path=f"gate.{name}")


def _conditions(parameters: Parameters) -> list[Condition]:
    return [
        ConditionLessThanOrEqualTo(left=_measured("loss_ratio"), right=parameters.max_loss_ratio),
        ConditionGreaterThanOrEqualTo(left=_measured("coverage80"), right=parameters.min_coverage80),
        ConditionLessThanOrEqualTo(left=_measured("coverage80"), right=parameters.max_coverage80),
    ]


def _fail(parameters: Parameters) -> FailStep:
    message = [
        "Quality gate missed. Scaled quantile loss as a share of seasonal naive's: ",
        _measured("loss_ratio"),
        " (bar: at most ",
        parameters.max_loss_ratio.to_string(),
        "). Share of prices inside the 80% interval: ",
        _measured("coverage80"),
        " (bar: ",
        parameters.min_coverage80.to_string(),
        " to ",
        parameters.max_coverage80.to_string(),
        "). Nothing was registered.",
    ]
    return FailStep("QualityGateMissed", error_message=Join(on="", values=message))
