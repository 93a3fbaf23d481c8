"""Asynchronous inference: from an object in S3 to an object in S3."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

BUCKET = "asynchronous"


@pytest.fixture(scope="module")
def queues(emulator) -> dict[str, tuple[str, str]]:
    """Topic and queue URL for successes and for errors."""
    sns, sqs, made = emulator.client("sns"), emulator.client("sqs"), {}
    for name in ("SuccessTopic", "ErrorTopic"):
        url = sqs.create_queue(QueueName=f"async-{name}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name=f"async-{name}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        made[name] = (topic, url)
    return made


@pytest.fixture(scope="module")
def endpoint(hosting, emulator, queues) -> str:
    emulator.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    hosting.model("asynchronous")
    output = {"S3OutputPath": f"s3://{BUCKET}/out", "S3FailurePath": f"s3://{BUCKET}/failed"}
    output["NotificationConfig"] = {name: topic for name, (topic, _) in queues.items()}
    settings = {"AsyncInferenceConfig": {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}}}
    return hosting.endpoint("asynchronous", hosting.config("asynchronous", settings, asynchronous=1.0))


def _invoke(hosting, emulator, wish: dict[str, Any], **options: Any) -> dict[str, Any]:
    emulator.client("s3").put_object(Bucket=BUCKET, Key="in", Body=json.dumps(wish))
    location = f"s3://{BUCKET}/in"
    answer = hosting.runtime.invoke_endpoint_async(
        EndpointName="asynchronous", InputLocation=location, ContentType="application/json", **options
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    return answer


def _read(emulator, location: str) -> str:
    s3, key, until = emulator.client("s3"), location.removeprefix(f"s3://{BUCKET}/"), time.monotonic() + 30
    while time.monotonic() < until:
        if s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("KeyCount"):
            return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        time.sleep(0.05)
    raise AssertionError(location)


def _notice(emulator, url: str) -> dict[str, Any]:
    sqs, until = emulator.client("sqs"), time.monotonic() + 30
    while time.monotonic() < until:
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return json.loads(json.loads(message["Body"])["Message"])
        time.sleep(0.05)
    raise AssertionError(url)


def test_the_answer_is_written_to_s3_and_the_topic_is_told(hosting, emulator, endpoint, queues):
    answer = _invoke(hosting, emulator, {"n": 1}, InferenceId="first", CustomAttributes="a=b")
    assert answer["InferenceId"] == "first"
    seen = json.loads(_read(emulator, answer["OutputLocation"]))
    assert (seen["name"], seen["headers"]["x-amzn-sagemaker-custom-attributes"]) == ("asynchronous", "a=b")
    notice = _notice(emulator, queues["SuccessTopic"][1])
    assert (notice["invocationStatus"], notice["inferenceId"]) == ("Completed", "first")
    assert notice["responseParameters"]["outputLocation"] == answer["OutputLocation"]


def test_an_error_of_the_model_is_written_to_the_failure_path(hosting, emulator, endpoint, queues):
    answer = _invoke(hosting, emulator, {"status": 400, "message": "unknown region"})
    assert "unknown region" in _read(emulator, answer["FailureLocation"])
    notice = _notice(emulator, queues["ErrorTopic"][1])
    assert notice["invocationStatus"] == "Failed"
    assert "unknown region" in notice["failureReason"]


def test_an_input_that_is_not_there_is_a_failure(hosting, emulator, endpoint):
    answer = hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, InputLocation=f"s3://{BUCKET}/absent")
    assert "absent" in _read(emulator, answer["FailureLocation"])


def test_an_endpoint_without_the_configuration_refuses(hosting):
    hosting.model("synchronous")
    hosting.endpoint("synchronous", hosting.config("synchronous", synchronous=1.0))
    with pytest.raises(ClientError, match="AsyncInferenceConfig"):
        hosting.runtime.invoke_endpoint_async(EndpointName="synchronous", InputLocation=f"s3://{BUCKET}/in")
    with pytest.raises(ClientError, match="not found"):
        hosting.runtime.invoke_endpoint_async(EndpointName="absent", InputLocation=f"s3://{BUCKET}/in")
    hosting.delete("synchronous")
