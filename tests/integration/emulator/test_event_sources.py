"""Event source mappings: a function works a queue off."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/lambda"
CODE = """
import json, os, uuid, boto3
s3 = boto3.client("s3")

def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    s3.put_object(Bucket=os.environ["BUCKET"], Key=f"{context.function_name}/{uuid.uuid4()}", Body=json.dumps(event))
    if "all" in bodies:
        raise ValueError("the batch failed")
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"] if record["body"] == "bad"]}
"""


class Desk:
    """A function, its queue with a dead-letter queue, and what the function saw."""

    def __init__(self, workshop: Any, name: str) -> None:
        self.name, self.lambdas, self.sqs = name, workshop.emulator.client("lambda"), workshop.emulator.client("sqs")
        self._workshop = workshop
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", CODE)
        variables = {"BUCKET": workshop.bucket}
        settings = {"Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler", "Timeout": 2}
        code = {"ZipFile": content.getvalue()}
        self.lambdas.create_function(FunctionName=name, Code=code, Environment={"Variables": variables}, **settings)
        self.dead, dead_arn = self.queue(f"{name}-dead", {})
        policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
        self.url, self.arn = self.queue(name, {"VisibilityTimeout": "2", "RedrivePolicy": policy})

    def queue(self, name: str, attributes: dict[str, str]) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def map(self, **options: Any) -> dict[str, Any]:
        return dict(self.lambdas.create_event_source_mapping(EventSourceArn=self.arn, FunctionName=self.name, **options))

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def batches(self) -> list[list[str]]:
        """The bodies of each batch that arrived."""
        events = [json.loads(self._workshop.read(key)) for key in self._workshop.keys(f"{self.name}/")]
        return [[record["body"] for record in event["Records"]] for event in events]

    def left(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())

    def until(self, condition: Any) -> None:
        self._workshop.until(condition)

    def close(self) -> None:
        for mapping in self.lambdas.list_event_source_mappings(FunctionName=self.name)["EventSourceMappings"]:
            self.lambdas.delete_event_source_mapping(UUID=mapping["UUID"])
        self.lambdas.delete_function(FunctionName=self.name)


@pytest.fixture
def desk(workshop, request) -> Iterator[Desk]:
    desk = Desk(workshop, request.node.name[5:50])
    yield desk
    desk.close()


def test_messages_arrive_in_batches_and_leave_the_queue(desk):
    desk.send("a", "b", "c")
    mapping = desk.map(BatchSize=2)
    assert (mapping["State"], mapping["BatchSize"], mapping["FunctionArn"].rpartition(":")[2]) == ("Enabled", 2, desk.name)
    desk.until(lambda: desk.left(desk.url) == 0)
    assert sorted(map(len, desk.batches())) == [1, 2]
    assert sorted(body for batch in desk.batches() for body in batch) == ["a", "b", "c"]


def test_only_the_messages_reported_as_failed_come_back_and_end_as_dead_letters(desk):
    desk.send("good", "bad")
    desk.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    desk.until(lambda: desk.left(desk.dead) == 1)
    assert sorted(body for batch in desk.batches() for body in batch) == ["bad", "bad", "good"]


def test_a_batch_whose_function_fails_comes_back_whole(desk):
    desk.send("all", "other")
    desk.map()
    desk.until(lambda: desk.left(desk.dead) == 2)
    assert [sorted(batch) for batch in desk.batches()] == [["all", "other"]] * 2


def test_a_filter_leaves_messages_out_and_a_disabled_mapping_rests(desk):
    mapping = desk.map(Enabled=False, FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["price"]}}'}]})
    desk.send('{"kind": "price"}', '{"kind": "rent"}')
    time.sleep(0.3)
    assert desk.left(desk.url) == 2
    assert desk.lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)["State"] == "Enabled"
    desk.until(lambda: desk.left(desk.url) == 0)
    assert desk.batches() == [['{"kind": "price"}']]


def test_what_the_service_refuses_is_refused(desk):
    refused = desk.lambdas.exceptions.InvalidParameterValueException
    desk.lambdas.update_function_configuration(FunctionName=desk.name, Timeout=3)
    with pytest.raises(refused, match="visibility timeout: 2 seconds is less than Function timeout: 3"):
        desk.map()
    desk.lambdas.update_function_configuration(FunctionName=desk.name, Timeout=2)
    with pytest.raises(refused, match="batch window"):
        desk.map(BatchSize=11)
    with pytest.raises(refused, match="does not exist"):
        desk.lambdas.create_event_source_mapping(EventSourceArn=desk.arn + "-no", FunctionName=desk.name)
    with pytest.raises(refused, match="SQS queues only"):
        desk.lambdas.create_event_source_mapping(EventSourceArn="arn:aws:kinesis:eu-west-1:123456789012:stream/x", FunctionName=desk.name)
    desk.map()
    with pytest.raises(desk.lambdas.exceptions.ResourceConflictException):
        desk.map()
