"""housing-status: reads, tells, and knows no more than what is ours."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lambdas.shared import jobs

CONTEXT = SimpleNamespace(aws_request_id="r", invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:housing-status:live")
PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/housing-forecast"
ID = "abcdefghij12"
JOB = "0123456789abcdef" * 2


@pytest.fixture
def status(function_env: Callable[..., None], cloud: Any) -> ModuleType:
    from lambdas.status import clients, handler

    function_env(HOUSING_BUCKET="b", HOUSING_PIPELINE_NAME="housing-forecast")
    clients.client.cache_clear()
    return handler


def get(path: str) -> dict[str, Any]:
    return {"version": "2.0", "rawPath": path, "requestContext": {"requestId": "g1"}, "headers": {}}


def answered(response: dict[str, Any]) -> tuple[int, Any]:
    return response["statusCode"], json.loads(response["body"])


def test_an_execution_is_told_with_its_steps_and_the_reason_of_a_failure(status: ModuleType, cloud: Any) -> None:
    start, end = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)
    arn = f"{PIPELINE}/execution/{ID}"
    facts = {"PipelineExecutionStatus": "Failed", "FailureReason": "Step failure", "LastModifiedTime": end}
    cloud.executions.append({"PipelineExecutionArn": arn, "PipelineExecutionDisplayName": "api-1", "StartTime": start, **facts})
    prepare = {"StepName": "Prepare", "StepStatus": "Succeeded", "StartTime": start, "EndTime": start}
    missed = {"StepName": "QualityGateMissed", "StepStatus": "Failed", "StartTime": end, "EndTime": end}
    cached = {"CacheHitResult": {"SourcePipelineExecutionArn": arn}}
    cloud.steps[arn] = [prepare | cached, missed | {"Metadata": {"Fail": {"ErrorMessage": "loss 1.2, limit 1"}}}]
    response = status.handler(get(f"/v1/executions/{ID}"), CONTEXT)
    code, told = answered(response)
    assert (code, told["status"], told["reason"]) == (200, "Failed", "Step failure")
    assert (told["started"], told["ended"]) == ("2026-01-01T12:00:00+00:00", "2026-01-01T13:00:00+00:00")
    assert [(step["name"], step["cached"], step["reason"]) for step in told["steps"]] == [
        ("Prepare", True, ""),
        ("QualityGateMissed", False, "loss 1.2, limit 1"),
    ]
    assert (response["headers"]["x-request-id"], response["headers"]["cache-control"]) == ("g1", "no-store")
    assert status.handler({"execution": ID}, CONTEXT) == told


@pytest.mark.parametrize(
    "path",
    [
        "/v1/executions/abcdefghij13",
        "/v1/executions/../../other/execution/abcdefghij12",
        "/v1/executions/ABCDEFGHIJ12",
        f"/v1/executions/{'a' * 5000}",
        "/v1/executions/",
        "/v1/jobs/%2e%2e",
        f"/v1/jobs/{'0' * 32}",
        "/v1/other/x",
        "",
    ],
)
def test_what_is_not_ours_is_a_404(status: ModuleType, cloud: Any, path: str) -> None:
    code, told = answered(status.handler(get(path), CONTEXT))
    assert (code, told["error"]["code"]) == (404, "not_found")
    assert not {"StartPipelineExecution", "PutObject"} & cloud.calls.keys()


def test_an_id_that_cannot_be_one_is_never_asked_for(status: ModuleType, cloud: Any) -> None:
    for path in ("/v1/executions/x", "/v1/jobs/x"):
        assert status.handler(get(path), CONTEXT)["statusCode"] == 404
    assert not cloud.calls


@pytest.mark.parametrize(
    ("objects", "age_seconds", "state"),
    [
        ({}, 0, "in_progress"),
        ({"out": b"answer"}, 0, "completed"),
        ({"fail": b"model error"}, 0, "failed"),
        ({}, 8 * 3600, "failed"),
    ],
)
def test_an_asynchronous_forecast_is_in_progress_completed_or_failed(
    status: ModuleType, cloud: Any, objects: dict[str, bytes], age_seconds: int, state: str
) -> None:
    record = jobs.Job(JOB, "s3://b/out", "s3://b/fail", "application/json", int(time.time()) - age_seconds)
    cloud.put(jobs.record_key(JOB), record.to_json())
    for key, body in objects.items():
        cloud.put(key, body)
    code, told = answered(status.handler(get(f"/v1/jobs/{JOB}"), CONTEXT))
    assert (code, told["job"]["id"], told["job"]["status"]) == (200, JOB, state)
    if state == "completed":
        assert "/out?X-Amz-Algorithm=AWS4-HMAC-SHA256" in told["job"]["answer_url"]
        assert (told["job"]["bytes"], told["job"]["content_type"]) == (6, "application/json")
    assert ("reason" in told["job"]) == (state == "failed")


def test_throttling_is_a_429_and_another_fault_a_502(status: ModuleType, cloud: Any, fault: Any) -> None:
    cloud.faults["DescribePipelineExecution"] = [fault("ThrottlingException"), fault("AccessDeniedException")]
    answers = [status.handler(get(f"/v1/executions/{ID}"), CONTEXT) for _ in range(2)]
    assert [answer["statusCode"] for answer in answers] == [429, 502]
    assert answers[0]["headers"]["retry-after"] == "1"


def test_an_event_without_meaning_is_refused(status: ModuleType, cloud: Any) -> None:
    for event in ([], {}, {"execution": 1}, None):
        response = status.handler(event, CONTEXT)
        assert response.get("statusCode") == 400 or "error" in response
    assert not cloud.calls


def test_no_request_makes_it_fail(status: ModuleType, cloud: Any) -> None:
    dice = random.Random(2)
    parts = ["v1", "executions", "jobs", "..", "%00", "\ud800", "a" * 12, "0" * 32, "", "é", "\n", "x" * 9000]
    fields = ["rawPath", "requestContext", "headers", "body", "execution", "job", "isBase64Encoded"]
    for _ in range(2000):
        event = get("/" + "/".join(dice.choices(parts, k=dice.randint(0, 4))))
        if dice.random() < 0.5:
            event[dice.choice(fields)] = dice.choice([None, [], {}, 1, "x", "\ud800", {"stage": 1}])
        answer = status.handler(event, CONTEXT)
        assert answer.get("statusCode", 404) in {200, 400, 404}, event
