"""What boto3 sees of the protocol: validation, errors, unknown operations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def unchecked(workshop: Any) -> Any:
    """A client that sends whatever it is given, so that the service is what refuses it."""
    return workshop.emulator.client("sagemaker", config=Config(parameter_validation=False))


def _refusal(call: Any, **members: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_missing_member_is_refused_in_the_services_words(unchecked):
    code, message, status = _refusal(unchecked.describe_pipeline)
    assert (code, status) == ("ValidationException", 400)
    expected = "1 validation error detected: Value null at 'pipelineName' failed to satisfy constraint: Member must not be null"
    assert message == expected


def test_every_broken_constraint_is_listed(workshop, unchecked):
    request = workshop.training("-bad", ResourceConfig={"InstanceType": "ml.none", "InstanceCount": 1, "VolumeSizeInGB": -1})
    code, message, _ = _refusal(unchecked.create_training_job, **request)
    assert code == "ValidationException"
    assert message.startswith("3 validation errors detected: ")
    assert "Value '-bad' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern" in message
    assert "Value 'ml.none' at 'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set" in message
    assert "Value '-1' at 'resourceConfig.volumeSizeInGB' failed to satisfy constraint: Member must have value greater than" in message


def test_a_value_of_the_wrong_type_is_a_serialization_error(unchecked):
    code, message, _ = _refusal(unchecked.describe_pipeline, PipelineName=7)
    assert (code, message) == ("SerializationException", "NUMBER_VALUE can not be converted to String at PipelineName")


def test_an_operation_that_is_not_answered_says_so(workshop):
    code, message, status = _refusal(workshop.sagemaker.list_apps)
    assert (code, status) == ("NotImplemented", 501)
    assert message == "sagemaker:ListApps is not implemented by this emulator"


def test_a_foreign_page_token_is_refused(workshop):
    code, message, _ = _refusal(workshop.sagemaker.list_models, NextToken="bm90IG91cnM=")
    assert (code, message) == ("ValidationException", "NextToken is not a token of an earlier answer: leave it out to start anew")


def test_times_come_back_as_times_and_every_answer_has_a_request_id(workshop):
    workshop.pipeline("times", [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "over"}}])
    answer = workshop.sagemaker.describe_pipeline(PipelineName="times")
    assert answer["CreationTime"].tzinfo is not None
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    assert json.loads(answer["PipelineDefinition"])["Version"] == "2020-12-01"


def test_lists_filter_by_time_and_name(workshop):
    sagemaker = workshop.sagemaker
    for name in ("sieve-a", "sieve-b"):
        workshop.pipeline(name, [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "over"}}])
    hour = timedelta(hours=1)
    created = sagemaker.describe_pipeline(PipelineName="sieve-b")["CreationTime"]
    for bounds, count in (
        ({"CreatedBefore": created - hour}, 0),
        ({"CreatedAfter": created - hour}, 2),
        ({"CreatedAfter": created + hour}, 0),
    ):
        assert len(sagemaker.list_pipelines(PipelineNamePrefix="sieve", **bounds)["PipelineSummaries"]) == count
    pages = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix="sieve", SortBy="Name", PaginationConfig={"PageSize": 1})
    assert [item["PipelineName"] for page in pages for item in page["PipelineSummaries"]] == ["sieve-b", "sieve-a"]
