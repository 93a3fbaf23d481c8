"""What the pipeline promises, read from the exported definition."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from housing.gate import Limits
from housing.study import DEFAULT_MEMBERS
from pipelines.definition import metrics
from pipelines.settings import Settings
from pipelines.validate import faults, walk


def step(definition: dict[str, Any], name: str) -> Mapping[str, Any]:
    return next(step for step in walk(definition["Steps"]) if step["Name"] == name)


def trained(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in definition["Steps"] if step["Type"] == "Training"]


def test_the_road_has_the_steps_of_the_architecture_in_order(definition: dict[str, Any]) -> None:
    names = [step["Name"] for step in walk(definition["Steps"])]
    assert names == [
        "Ingest",
        "Prepare",
        "Train-baselines",
        "Train-linear",
        "Train-xgboost",
        "Train-catboost",
        "Train-neural",
        "Train-statistical",
        "Ensemble",
        "Evaluate",
        "QualityGate",
        "Register",
        "CreateModel",
        "Forecast",
        "QualityGateMissed",
    ]


def test_every_job_is_cached_and_retried(definition: dict[str, Any]) -> None:
    jobs = [step for step in walk(definition["Steps"]) if step["Type"] in ("Processing", "Training", "Transform")]
    assert len(jobs) == 11
    for job in jobs:
        assert job["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}, job["Name"]
        retried = {fault for policy in job["RetryPolicies"] for fault in policy["ExceptionType"]}
        assert {"Step.THROTTLING", "Step.SERVICE_FAULT", "SageMaker.CAPACITY_ERROR"} <= retried, job["Name"]


def test_training_runs_on_spot_on_a_gpu_without_a_network(definition: dict[str, Any]) -> None:
    for job in trained(definition):
        arguments = job["Arguments"]
        assert arguments["EnableManagedSpotTraining"] is True
        assert arguments["EnableNetworkIsolation"] is True
        assert arguments["StoppingCondition"]["MaxWaitTimeInSeconds"] >= arguments["StoppingCondition"]["MaxRuntimeInSeconds"]
    defaults = {parameter["Name"]: parameter.get("DefaultValue") for parameter in definition["Parameters"]}
    assert step(definition, "Train-xgboost")["Arguments"]["ResourceConfig"]["InstanceType"] == {"Get": "Parameters.TrainingInstanceType"}
    assert defaults["TrainingInstanceType"] == "ml.g5.2xlarge"


def test_the_image_is_run_as_train_without_another_entrypoint(definition: dict[str, Any]) -> None:
    for job in trained(definition):
        assert "ContainerEntrypoint" not in job["Arguments"]["AlgorithmSpecification"]


def test_checkpoints_live_under_the_content_key_of_prepare(definition: dict[str, Any]) -> None:
    addresses = [json.dumps(job["Arguments"]["CheckpointConfig"]["S3Uri"]) for job in trained(definition)]
    assert len(set(addresses)) == len(addresses)
    for address in addresses:
        assert "Steps.Prepare.PropertyFiles.key" in address
        assert "Execution.PipelineExecutionId" not in address


def test_no_cache_key_holds_an_execution_id(definition: dict[str, Any]) -> None:
    outputs = ("ProcessingOutputConfig", "OutputDataConfig", "TransformOutput")
    for job in (step for step in walk(definition["Steps"]) if "CacheConfig" in step):
        keyed = {name: value for name, value in job["Arguments"].items() if name not in outputs}
        assert "Execution." not in json.dumps(keyed), job["Name"]


def test_outputs_of_two_executions_never_share_an_address(definition: dict[str, Any]) -> None:
    for job in (step for step in definition["Steps"] if step["Type"] == "Processing"):
        for output in job["Arguments"]["ProcessingOutputConfig"]["Outputs"]:
            assert {"Get": "Execution.PipelineExecutionId"} in output["S3Output"]["S3Uri"]["Std:Join"]["Values"]


def test_a_package_waits_for_approval_and_says_where_it_came_from(definition: dict[str, Any]) -> None:
    request = step(definition, "Register")["Arguments"]
    assert request["ModelApprovalStatus"] == "PendingManualApproval"
    assert request["InferenceSpecification"]["SupportedContentTypes"] == ["application/json", "application/jsonlines"]
    assert set(request["CustomerMetadataProperties"]) == {"content_key", "source_uri", "approved_uri", "code_version"}
    assert "evaluation.json" in json.dumps(request["ModelMetrics"])


def test_the_package_and_the_batch_forecast_hold_the_same_model(definition: dict[str, Any]) -> None:
    package = step(definition, "Register")["Arguments"]["InferenceSpecification"]["Containers"][0]
    assert package == step(definition, "CreateModel")["Arguments"]["PrimaryContainer"]


def test_the_bars_reach_the_step_that_judges_and_its_words_the_failure(definition: dict[str, Any]) -> None:
    arguments = json.dumps(step(definition, "Evaluate")["Arguments"]["AppSpecification"]["ContainerArguments"])
    for bar in ("MaxLossRatio", "MinCoverage80", "MaxCoverage80", "MaxCalibrationError"):
        assert f"Parameters.{bar}" in arguments
    (condition,) = step(definition, "QualityGate")["Arguments"]["Conditions"]
    assert (condition["Type"], condition["RightValue"]) == ("Equals", 1)
    assert "gate.passed" in json.dumps(condition["LeftValue"])
    assert "gate.reason" in json.dumps(step(definition, "QualityGateMissed")["Arguments"]["ErrorMessage"])


def test_the_bars_are_those_of_the_domain_unless_chosen() -> None:
    settings, limits = Settings(), Limits()
    coverage = (settings.min_coverage80, settings.max_coverage80)
    assert settings.max_loss_ratio == limits.loss_ratio
    assert coverage == (limits.coverage_low, limits.coverage_high)
    assert settings.max_calibration_error == limits.calibration_error


def test_the_pipeline_trains_the_members_that_a_backtest_runs() -> None:
    trained_members = [member for members in Settings().train_steps.values() for member in members]
    assert sorted(trained_members) == sorted(DEFAULT_MEMBERS)


@pytest.mark.parametrize("value", ["0.71", "12", "1e-05", "-0.5", ".5"])
def test_a_metric_is_read_from_the_middle_of_a_log_line(value: str) -> None:
    for name in metrics.NAMES:
        found = re.search(metrics.regex(name), f"2011-06-01 fitted {name}={value}; next")
        assert found is not None
        assert float(found.group(1)) == float(value)


@pytest.fixture(scope="module")
def encrypted() -> dict[str, Any]:
    """The definition of other choices: a key, no Spot, another seed."""
    from pipelines.definition.build import build_definition

    return build_definition(
        Settings(
            kms_key_id="alias/housing", use_spot=False, seed=8, experiment_name="study", ingest_role_arn="arn:aws:iam::123456789012:role/i"
        )
    )


def test_ingest_alone_runs_under_the_role_that_may_read_a_key(definition: dict[str, Any], encrypted: dict[str, Any]) -> None:
    roles = {step["Name"]: step["Arguments"]["RoleArn"] for step in walk(encrypted["Steps"]) if "RoleArn" in step.get("Arguments", {})}
    assert [name for name, role in roles.items() if role.endswith("role/i")] == ["Ingest"]
    assert len(roles) == 10
    assert step(definition, "Ingest")["Arguments"]["RoleArn"] == Settings().role_arn


def test_experiments_are_off_unless_one_is_named(definition: dict[str, Any], encrypted: dict[str, Any]) -> None:
    assert "PipelineExperimentConfig" not in definition
    assert encrypted["PipelineExperimentConfig"] == {"ExperimentName": "study", "TrialName": {"Get": "Execution.PipelineExecutionId"}}


def test_the_address_of_checkpoints_changes_with_the_hyperparameters(definition: dict[str, Any], encrypted: dict[str, Any]) -> None:
    before, after = (trained(built)[0]["Arguments"]["CheckpointConfig"]["S3Uri"] for built in (definition, encrypted))
    assert before != after


ON_LOCAL_DISKS = {"Train-xgboost", "Train-catboost", "Train-neural"}
"""The steps on ml.g5, which encrypts its own disk: the service refuses a key for it."""


def volume_keys(built: dict[str, Any]) -> dict[str, str | None]:
    """Job step -> the key of its volume."""
    jobs = [step for step in walk(built["Steps"]) if "CacheConfig" in step]
    found = {}
    for job in jobs:
        arguments = job["Arguments"]
        machines = arguments.get("ProcessingResources", {}).get("ClusterConfig") or arguments.get("ResourceConfig")
        found[job["Name"]] = (machines or arguments["TransformResources"]).get("VolumeKmsKeyId")
    return found


def test_a_chosen_key_encrypts_every_output_and_every_volume_that_takes_one(encrypted: dict[str, Any]) -> None:
    assert faults(encrypted) == []
    keys = volume_keys(encrypted)
    assert {name for name, key in keys.items() if key is None} == ON_LOCAL_DISKS
    for job in (step for step in walk(encrypted["Steps"]) if "CacheConfig" in step):
        expected = 1 if job["Name"] in ON_LOCAL_DISKS else 2
        assert json.dumps(job["Arguments"]).count("alias/housing") == expected, job["Name"]


def test_every_kind_of_job_leaves_out_the_key_on_a_machine_with_a_local_disk() -> None:
    from pipelines.definition.build import build_definition

    machines = ("processing_instance_type", "baselines_instance_type", "transform_instance_type")
    built = build_definition(Settings(kms_key_id="alias/housing", **dict.fromkeys(machines, "ml.g4dn.xlarge")))
    assert set(volume_keys(built).values()) == {None}
    on_cpu = build_definition(Settings(kms_key_id="alias/housing", training_instance_type="ml.m5.xlarge"))
    assert set(volume_keys(on_cpu).values()) == {"alias/housing"}


def test_without_spot_there_is_no_waiting_time(encrypted: dict[str, Any]) -> None:
    for job in trained(encrypted):
        assert job["Arguments"].get("EnableManagedSpotTraining", False) is False
        assert "MaxWaitTimeInSeconds" not in job["Arguments"]["StoppingCondition"]
