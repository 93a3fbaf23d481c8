"""Published versions, aliases, policies, and what becomes of asynchronous invocations."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/lambda"
CODE = """
import os

def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
    return {"says": "%s", "version": context.function_version, "arn": context.invoked_function_arn, "flavour": os.environ.get("FLAVOUR")}
"""


def zipped(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", CODE % text)
    return content.getvalue()


@pytest.fixture(scope="module")
def client(workshop) -> Any:
    return workshop.emulator.client("lambda")


@pytest.fixture
def function(client, request) -> Iterator[str]:
    name = request.node.name[:50]
    client.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handler", Timeout=5, Code={"ZipFile": zipped("one")}
    )
    yield name
    client.delete_function(FunctionName=name)


def call(client: Any, name: str, qualifier: str | None = None, event: object = None) -> dict[str, Any]:
    options = {"Qualifier": qualifier} if qualifier else {}
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    return json.loads(answer["Payload"].read()) | {"executed": answer["ExecutedVersion"]}


def until(read: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := read()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_a_version_keeps_its_code_and_settings(client, function):
    first = client.publish_version(FunctionName=function, Description="the first")
    assert (first["Version"], first["FunctionArn"].rpartition(":")[2], first["Description"]) == ("1", "1", "the first")
    assert client.publish_version(FunctionName=function)["Version"] == "1"
    client.update_function_configuration(FunctionName=function, Environment={"Variables": {"FLAVOUR": "new"}})
    second = client.update_function_code(FunctionName=function, ZipFile=zipped("two"), Publish=True)
    assert second["Version"] == "2"
    seen = [(found["says"], found["version"], found["flavour"]) for found in (call(client, function, one) for one in ("1", "2", None))]
    assert seen == [("one", "1", None), ("two", "2", "new"), ("two", "$LATEST", "new")]
    assert [one["Version"] for one in client.list_versions_by_function(FunctionName=function)["Versions"]] == ["$LATEST", "1", "2"]


def test_an_alias_leads_to_its_version(client, function):
    client.publish_version(FunctionName=function)
    alias = client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    client.update_function_code(FunctionName=function, ZipFile=zipped("two"), Publish=True)
    found = call(client, alias["AliasArn"])
    assert (found["says"], found["executed"], found["arn"]) == ("one", "1", alias["AliasArn"])
    client.update_alias(FunctionName=function, Name="live", FunctionVersion="2")
    assert call(client, f"{function}:live")["says"] == "two"
    assert client.get_function_configuration(FunctionName=function, Qualifier="live")["Version"] == "2"
    with pytest.raises(client.exceptions.ResourceConflictException, match="alias points"):
        client.delete_function(FunctionName=function, Qualifier="2")
    client.delete_alias(FunctionName=function, Name="live")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="live"):
        call(client, function, "live")


def test_an_alias_shares_its_calls_between_two_versions(client, function):
    client.publish_version(FunctionName=function)
    client.update_function_code(FunctionName=function, ZipFile=zipped("two"), Publish=True)
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert {call(client, function, "live")["version"] for _ in range(40)} == {"1", "2"}
    with pytest.raises(client.exceptions.ResourceNotFoundException, match=":9"):
        client.update_alias(FunctionName=function, Name="live", FunctionVersion="9")


def test_a_policy_is_kept_for_each_alias(client, function):
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    grant = {"FunctionName": function, "Qualifier": "live", "StatementId": "s3", "Action": "lambda:InvokeFunction"}
    client.add_permission(**grant, Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", SourceAccount="123456789012")
    (statement,) = json.loads(client.get_policy(FunctionName=function, Qualifier="live")["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["ArnLike"] == {"AWS:SourceArn": "arn:aws:s3:::b"}
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_permission(**grant, Principal="s3.amazonaws.com")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=function)
    client.remove_permission(FunctionName=function, Qualifier="live", StatementId="s3")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=function, Qualifier="live")


@pytest.fixture
def queue(workshop, request) -> Iterator[Any]:
    """A queue: its ARN, and what is in it."""
    sqs = workshop.emulator.client("sqs")
    url = sqs.create_queue(QueueName=request.node.name[:70])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    yield arn, lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])
    sqs.delete_queue(QueueUrl=url)


def test_an_event_that_keeps_failing_goes_to_the_dead_letter_queue(client, function, queue):
    client.update_function_configuration(FunctionName=function, DeadLetterConfig={"TargetArn": queue[0]})
    client.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"fail": 1}')
    (message,) = until(queue[1])
    assert json.loads(message["Body"]) == {"fail": 1}
    assert set(message["MessageAttributes"]) == {"RequestID", "ErrorCode", "ErrorMessage"}


def test_a_destination_is_told_what_became_of_an_event(client, function, queue):
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    places = {"OnFailure": {"Destination": queue[0]}, "OnSuccess": {"Destination": queue[0]}}
    client.put_function_event_invoke_config(FunctionName=function, Qualifier="live", MaximumRetryAttempts=0, DestinationConfig=places)
    for event, condition, invoked in (({"fail": 1}, "RetriesExhausted", 1), ({"n": 2}, "Success", 1)):
        client.invoke(FunctionName=function, Qualifier="live", InvocationType="Event", Payload=json.dumps(event))
        record = json.loads(until(queue[1])[0]["Body"])
        assert (record["requestPayload"], record["requestContext"]["condition"]) == (event, condition)
        assert record["requestContext"]["approximateInvokeCount"] == invoked
        assert record["responseContext"]["executedVersion"] == "1"


def test_tags_limits_and_reserved_concurrency(client, function):
    arn = client.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=3)
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 997
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="100"):
        client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=901)
    client.delete_function_concurrency(FunctionName=function)
    assert "Concurrency" not in client.get_function(FunctionName=function)
