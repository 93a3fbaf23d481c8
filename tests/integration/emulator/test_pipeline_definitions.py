"""Pipelines from create to delete, and definitions and parameters that are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError


def _fail(name: str, message: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def _text(*steps: dict[str, Any]) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "not JSON"),
        (_text({"Name": "E", "Type": "EMR", "Arguments": {}}), "'EMR', which this emulator does not"),
        (_text(_fail("A", "x"), _fail("A", "y")), "two steps named 'A'"),
        (_text(_fail("A", {"Get": "Steps.B.Name"})), "the step 'B', which"),
        (_text(_fail("A", {"Get": "Parameters.P"})), "the parameter 'P', which"),
        (_text(_fail("A", "x") | {"DependsOn": ["B"]}, _fail("B", "x") | {"DependsOn": ["A"]}), r"cycle among the steps \['A', 'B'\]"),
    ],
)
def test_a_wrong_definition_is_refused_before_anything_runs(workshop, definition, message):
    with pytest.raises(ClientError, match=message) as caught:
        workshop.sagemaker.create_pipeline(PipelineName="wrong", PipelineDefinition=definition, RoleArn=workshop.role)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_parameters_without_value_and_unknown_ones_are_refused(workshop, build):
    workshop.pipeline("needs", [build.fail("End", build.get("Parameters.Word"))], [{"Name": "Word", "Type": "String"}])
    with pytest.raises(ClientError, match=r"parameters \['Word'\] have no default"):
        workshop.sagemaker.start_pipeline_execution(PipelineName="needs")
    given = [{"Name": "Word", "Value": "x"}, {"Name": "Wrod", "Value": "x"}]
    with pytest.raises(ClientError, match=r"\['Wrod'\] are not in the pipeline definition"):
        workshop.sagemaker.start_pipeline_execution(PipelineName="needs", PipelineParameters=given)


def test_a_pipeline_lives_from_create_to_delete(workshop, build):
    definition = _text(build.fail("End", "over"))
    create = {"PipelineName": "life", "RoleArn": workshop.role}
    workshop.put("definitions/life.json", definition)
    location = {"Bucket": "workshop", "ObjectKey": "definitions/life.json"}
    arn = workshop.sagemaker.create_pipeline(**create, PipelineDefinitionS3Location=location)["PipelineArn"]
    assert workshop.sagemaker.describe_pipeline(PipelineName="life")["PipelineDefinition"] == definition
    with pytest.raises(ClientError, match="already exists"):
        workshop.sagemaker.create_pipeline(**create, PipelineDefinition=definition)
    workshop.sagemaker.update_pipeline(PipelineName="life", PipelineDescription="short")
    assert workshop.sagemaker.describe_pipeline(PipelineName=arn)["PipelineDescription"] == "short"
    version = workshop.sagemaker.update_pipeline(PipelineName="life", PipelineDefinition=definition)["PipelineVersionId"]
    assert workshop.sagemaker.describe_pipeline(PipelineName="life", PipelineVersionId=version)["PipelineName"] == "life"
    with pytest.raises(ClientError, match=f"the latest version of a pipeline only: that of life is {version}"):
        workshop.sagemaker.start_pipeline_execution(PipelineName="life", PipelineVersionId=version - 1)
    execution, _ = workshop.execute("life")
    shown = workshop.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution["PipelineExecutionArn"])
    assert shown["PipelineDefinition"] == definition
    workshop.sagemaker.delete_pipeline(PipelineName="life")
    with pytest.raises(workshop.sagemaker.exceptions.ResourceNotFound, match="does not exist"):
        workshop.sagemaker.describe_pipeline(PipelineName="life")
