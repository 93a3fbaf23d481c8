"""What may change from one execution to the next without another definition."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sagemaker.core.workflow.parameters import Parameter, ParameterFloat, ParameterInteger, ParameterString

from pipelines.settings import Settings


@dataclass(frozen=True)
class Parameters:
    """The parameters of an execution, with the settings as their defaults.

    `Horizon` is in periods; its default is for a monthly panel. `Origins` counts the scored origins of the backtest.
    `CodeVersion` is kept with the model package and changes nothing that is computed.
    """

    source_uri: ParameterString
    approved_uri: ParameterString
    code_version: ParameterString
    horizon: ParameterInteger
    origins: ParameterInteger
    processing_instance_type: ParameterString
    baselines_instance_type: ParameterString
    training_instance_type: ParameterString
    transform_instance_type: ParameterString
    max_loss_ratio: ParameterFloat
    min_coverage80: ParameterFloat
    max_coverage80: ParameterFloat
    max_calibration_error: ParameterFloat

    @classmethod
    def of(cls, settings: Settings) -> Parameters:
        """`SourceUri` and `ApprovedUri` have no default: data, and what a model is held against, always have an address of their own."""
        return cls(
            source_uri=ParameterString("SourceUri"),
            approved_uri=ParameterString("ApprovedUri"),
            code_version=ParameterString("CodeVersion", "unknown"),
            horizon=ParameterInteger("Horizon", settings.horizon_months),
            origins=ParameterInteger("Origins", settings.origins),
            processing_instance_type=ParameterString("ProcessingInstanceType", settings.processing_instance_type),
            baselines_instance_type=ParameterString("BaselinesInstanceType", settings.baselines_instance_type),
            training_instance_type=ParameterString("TrainingInstanceType", settings.training_instance_type),
            transform_instance_type=ParameterString("TransformInstanceType", settings.transform_instance_type),
            max_loss_ratio=ParameterFloat("MaxLossRatio", settings.max_loss_ratio),
            min_coverage80=ParameterFloat("MinCoverage80", settings.min_coverage80),
            max_coverage80=ParameterFloat("MaxCoverage80", settings.max_coverage80),
            max_calibration_error=ParameterFloat("MaxCalibrationError", settings.max_calibration_error),
        )

    def all(self) -> list[Parameter]:
        """In the order of declaration."""
        return [getattr(self, field.name) for field in fields(self)]
