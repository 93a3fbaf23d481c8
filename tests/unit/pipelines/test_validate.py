"""Each kind of fault is found and named by step and field."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from pipelines import shapes, validate
from pipelines.errors import DefinitionError


def step(definition: dict[str, Any], name: str) -> Any:
    return next(step for step in validate.walk(definition["Steps"]) if step["Name"] == name)


def test_the_exported_definition_has_no_fault(definition: dict[str, Any]) -> None:
    assert validate.faults(definition) == []


def test_an_unknown_member_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Train-xgboost")["Arguments"]["ResourceConfig"]["InstanceSize"] = "big"
    assert validate.faults(definition) == ["Train-xgboost.ResourceConfig.InstanceSize: ResourceConfig has no such member"]


def test_a_missing_member_is_named(definition: dict[str, Any]) -> None:
    del step(definition, "Ingest")["Arguments"]["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"]
    (fault,) = validate.faults(definition)
    assert fault == "Ingest.ProcessingResources.ClusterConfig.VolumeSizeInGB: required by ProcessingClusterConfig and absent"


def test_a_number_where_the_api_wants_a_string_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Train-xgboost")["Arguments"]["HyperParameters"]["seed"] = 7
    assert validate.faults(definition) == ["Train-xgboost.HyperParameters.seed: 7 is int, the API wants string"]


def test_an_integer_parameter_where_the_api_wants_a_string_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Train-xgboost")["Arguments"]["HyperParameters"]["horizon"] = {"Get": "Parameters.Horizon"}
    (fault,) = validate.faults(definition)
    assert fault.startswith("Train-xgboost.HyperParameters.horizon: the parameter Horizon is Integer, the API wants string")


def test_a_string_parameter_where_the_api_wants_an_integer_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Train-xgboost")["Arguments"]["ResourceConfig"]["InstanceCount"] = {"Get": "Parameters.SourceUri"}
    (fault,) = validate.faults(definition)
    assert fault.startswith("Train-xgboost.ResourceConfig.InstanceCount: the parameter SourceUri is String, the API wants integer")


def test_an_instance_type_that_the_service_lacks_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Forecast")["Arguments"]["TransformResources"]["InstanceType"] = "ml.g55.xlarge"
    assert validate.faults(definition) == ["Forecast.TransformResources.InstanceType: 'ml.g55.xlarge' is not a TransformInstanceType"]


def test_a_value_that_breaks_the_pattern_or_the_limits_is_named(definition: dict[str, Any]) -> None:
    arguments = step(definition, "Train-xgboost")["Arguments"]
    arguments["RoleArn"] = "housing-sagemaker-execution"
    arguments["ResourceConfig"]["VolumeSizeInGB"] = -1
    found = validate.faults(definition)
    assert any(fault.startswith("Train-xgboost.RoleArn: 'housing-sagemaker-execution' does not match") for fault in found)
    assert "Train-xgboost.ResourceConfig.VolumeSizeInGB: value -1 is below the minimum of 0" in found


def test_a_reference_to_a_step_that_does_not_exist_is_named(definition: dict[str, Any]) -> None:
    definition["Steps"] = [step for step in definition["Steps"] if step["Name"] != "Train-catboost"]
    (fault,) = validate.faults(definition)
    assert fault.startswith("Ensemble.ProcessingInputs[")
    assert fault.endswith("].S3Input.S3Uri: refers to the step Train-catboost, which the definition does not have")


def test_a_step_that_waits_for_one_that_does_not_exist_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Prepare")["DependsOn"] = ["Nowhere"]
    assert validate.faults(definition) == ["Prepare.DependsOn[0]: refers to the step Nowhere, which the definition does not have"]


def test_a_reference_to_a_parameter_that_does_not_exist_is_named(definition: dict[str, Any]) -> None:
    definition["Parameters"] = [parameter for parameter in definition["Parameters"] if parameter["Name"] != "SourceUri"]
    lacking = "refers to the parameter SourceUri, which the definition does not have"
    assert f"Ingest.ProcessingInputs[0].S3Input.S3Uri: {lacking}" in validate.faults(definition)


def test_a_property_file_that_is_not_declared_or_has_no_output_is_named(definition: dict[str, Any]) -> None:
    step(definition, "Evaluate")["PropertyFiles"][0]["OutputName"] = "elsewhere"
    del step(definition, "Prepare")["PropertyFiles"]
    found = validate.faults(definition)
    assert "Evaluate.PropertyFiles.evaluation: no output 'elsewhere'; there are ['evaluation']" in found
    uri = "Train-xgboost.CheckpointConfig.S3Uri"
    assert f"{uri}: refers to the property file key, which Prepare does not declare" in found


def test_two_steps_of_one_name_and_an_unknown_type_are_named(definition: dict[str, Any]) -> None:
    definition["Steps"][0]["Name"] = "Prepare"
    step(definition, "Evaluate")["Type"] = "Dance"
    found = validate.faults(definition)
    assert "Prepare: 2 steps have this name; a name is used once" in found
    assert "Evaluate.Type: 'Dance' is not a step type that can be checked" in found


def test_check_raises_with_one_line_per_fault(definition: dict[str, Any]) -> None:
    arguments = step(definition, "Train-xgboost")["Arguments"]
    arguments["HyperParameters"]["seed"] = 7
    arguments["Colour"] = "red"
    with pytest.raises(DefinitionError) as raised:
        validate.check(definition)
    assert len(str(raised.value).splitlines()) == 2


def test_something_that_is_no_definition_is_refused() -> None:
    for other in ({"Parameters": []}, [], "text", {"Steps": {}}):
        assert validate.faults(other) == ["definition.Steps: absent or not a list; export the definition again"]  # type: ignore[arg-type]


def test_steps_without_name_type_or_arguments_are_named_by_their_place() -> None:
    branches = {"IfSteps": [3], "ElseSteps": {}}
    steps = [{"Name": "Ingest", "Type": "Processing"}, {"Name": "Gate", "Type": "Condition", "Arguments": branches}]
    assert validate.faults({"Steps": steps}) == [
        "definition.Steps[0].Arguments: absent or not an object",
        "definition.Steps[1].Arguments.IfSteps[0]: not an object with Name, Type and Arguments",
        "definition.Steps[1].Arguments.ElseSteps: not a list of steps",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        {"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r"},
        {"ModelName": "m", "ExecutionRoleArn": 5},
        {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/r"},
        {"ModelName": "m", "Surprise": {}},
        {"ModelName": "m", "Containers": [{"Image": "i", "Environment": {"a": 1}}]},
        {"ModelName": "m", "Containers": {"Image": "i"}},
        {"ModelName": "m", "EnableNetworkIsolation": "yes"},
    ],
)
def test_whatever_botocore_refuses_is_refused_here(request_: dict[str, Any]) -> None:
    shape = get_session().get_service_model("sagemaker").operation_model("CreateModel").input_shape
    assert shape is not None
    if ParamValidator().validate(request_, shape).has_errors():
        assert list(shapes.problems(request_, shape))
    else:
        assert not list(shapes.problems(request_, shape))
