"""What every step builder needs, and the addresses that steps write to."""

from __future__ import annotations

from dataclasses import dataclass

from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.pipeline_context import PipelineSession

from pipelines.definition.parameters import Parameters
from pipelines.settings import Settings


@dataclass(frozen=True)
class Context:
    """One build: the settings, the parameters made from them, and the session that records requests."""

    settings: Settings
    parameters: Parameters
    session: PipelineSession

    def output_uri(self, *folders: str) -> PipelineVariable:
        """An address of this execution alone: a later execution never overwrites what a cached step points to."""
        values = [f"{self.settings.prefix}/executions", ExecutionVariables.PIPELINE_EXECUTION_ID, *folders]
        return Join(on="/", values=values)
