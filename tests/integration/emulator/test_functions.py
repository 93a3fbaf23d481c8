"""Lambda functions run their own zip, in processes that stay warm."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/lambda"
HANDLER = """
import json, os, sys, time
calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("event", json.dumps(event))
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "bucket" in event:
        import boto3
        boto3.client("s3").put_object(Bucket=event["bucket"], Key="from-lambda", Body=b"x")
    return {"calls": calls, "pid": os.getpid(), "memory": context.memory_limit_in_mb, "flavour": os.environ.get("FLAVOUR"),
            "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn,
            "task": os.environ["LAMBDA_TASK_ROOT"] == os.getcwd()}
"""


def zipped(**files: str) -> bytes:
    """A deployment package: `name='code'` becomes `name.py`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return content.getvalue()


@pytest.fixture(scope="module")
def client(emulator):
    return emulator.client("lambda")


@pytest.fixture
def function(client, request):
    """A function named after its test."""
    name = request.node.name[:60]
    settings = {"Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler", "Timeout": 5, "MemorySize": 256}
    client.create_function(
        FunctionName=name, Code={"ZipFile": zipped(app=HANDLER)}, Environment={"Variables": {"FLAVOUR": "plain"}}, **settings
    )
    yield name
    client.delete_function(FunctionName=name)


def invoke(client: Any, name: str, event: object = None, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The result of a function and the whole answer."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    content = answer["Payload"].read()
    return json.loads(content) if content else None, answer


def test_a_function_runs_with_its_settings(client, function):
    result, answer = invoke(client, function)
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    assert (result["memory"], result["flavour"], result["task"]) == ("256", "plain", True)
    assert result["arn"] == f"arn:aws:lambda:eu-west-1:123456789012:function:{function}"
    assert 4000 < result["left"] <= 5000


def test_a_warm_worker_is_used_again(client, function):
    first, second = invoke(client, function)[0], invoke(client, function)[0]
    assert (first["pid"], first["calls"], second["calls"]) == (second["pid"], 1, 2)


def test_events_at_the_same_time_get_workers_of_their_own(client, function):
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda _: invoke(client, function, {"sleep": 0.8})[0], range(3)))
    assert len({result["pid"] for result in results}) == 3


def test_an_exception_is_an_unhandled_error_and_leaves_the_worker_warm(client, function):
    before = invoke(client, function)[0]
    error, answer = invoke(client, function, {"raise": "no such region"})
    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such region")
    assert any("app.py" in line for line in error["stackTrace"])
    assert invoke(client, function)[0]["pid"] == before["pid"]


def test_a_timeout_ends_the_worker(client, function):
    client.update_function_configuration(FunctionName=function, Timeout=1)
    before = invoke(client, function)[0]
    error, answer = invoke(client, function, {"sleep": 30})
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert invoke(client, function)[0]["pid"] != before["pid"]
    assert not Path(f"/proc/{before['pid']}").exists()


def test_an_exit_is_reported_with_its_status(client, function):
    error, answer = invoke(client, function, {"exit": 9})
    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"][-13:]) == ("Runtime.ExitError", "exit status 9")


def test_code_that_cannot_be_imported_is_an_error_of_each_invocation(client, function):
    client.update_function_code(FunctionName=function, ZipFile=zipped(app="import no_such_module"))
    for _ in range(2):
        error, answer = invoke(client, function)
        assert answer["FunctionError"] == "Unhandled"
        assert (error["errorType"], "no_such_module" in error["errorMessage"]) == ("Runtime.ImportModuleError", True)


def test_the_log_tail_has_what_was_printed_and_the_report(client, function):
    _, answer = invoke(client, function, {"a": 1}, LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert 'event {"a": 1}' in lines
    assert lines[-1].startswith("REPORT RequestId: ")
    assert "Memory Size: 256 MB" in lines[-1]
    assert "Init Duration: " in lines[-1]


def test_the_log_is_in_cloudwatch(client, emulator, function):
    invoke(client, function, {"a": "for the log"})
    logs, group = emulator.client("logs"), f"/aws/lambda/{function}"
    until, messages = time.monotonic() + 20, []
    while not messages and time.monotonic() < until:
        time.sleep(0.1)
        if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            messages = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert 'event {"a": "for the log"}' in messages
    assert messages[-1].startswith("REPORT RequestId: ")


def test_new_code_and_settings_replace_the_workers(client, function):
    before = invoke(client, function)[0]
    client.update_function_configuration(FunctionName=function, Environment={"Variables": {"FLAVOUR": "new"}})
    after = invoke(client, function)[0]
    assert (after["flavour"], after["pid"] != before["pid"]) == ("new", True)
    client.update_function_code(FunctionName=function, ZipFile=zipped(app="def handler(event, context): return 'second'"))
    assert invoke(client, function)[0] == "second"


def test_boto3_in_a_function_reaches_the_emulator(client, emulator, function):
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="from-lambda", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    result, answer = invoke(client, function, {"bucket": "from-lambda"})
    assert "FunctionError" not in answer, result
    assert s3.get_object(Bucket="from-lambda", Key="from-lambda")["Body"].read() == b"x"


def test_an_asynchronous_event_is_accepted_and_runs(client, emulator, function):
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="from-event", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    _, answer = invoke(client, function, {"bucket": "from-event"}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    until = time.monotonic() + 20
    while not s3.list_objects_v2(Bucket="from-event").get("KeyCount") and time.monotonic() < until:
        time.sleep(0.05)
    assert s3.list_objects_v2(Bucket="from-event")["KeyCount"] == 1


def test_code_may_come_from_s3(client, emulator):
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="lambda-code", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="lambda-code", Key="f.zip", Body=zipped(main="def go(event, context): return event['n'] + 1"))
    settings = {"Runtime": "python3.11", "Role": ROLE, "Handler": "main.go"}
    client.create_function(FunctionName="from-s3", Code={"S3Bucket": "lambda-code", "S3Key": "f.zip"}, **settings)
    assert invoke(client, "from-s3", {"n": 1})[0] == 2
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="absent"):
        client.update_function_code(FunctionName="from-s3", S3Bucket="lambda-code", S3Key="absent")
    client.delete_function(FunctionName="from-s3")


def test_reserved_concurrency_throttles(client, function):
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(invoke, client, function, {"sleep": 1.5})
        time.sleep(0.7)
        with pytest.raises(client.exceptions.TooManyRequestsException):
            invoke(client, function)
        assert long.result()[0]["calls"] == 1


def test_functions_are_described_listed_and_deleted(client, function):
    described = client.get_function(FunctionName=function)["Configuration"]
    assert (described["State"], described["LastUpdateStatus"], described["MemorySize"]) == ("Active", "Successful", 256)
    assert client.get_function_configuration(FunctionName=described["FunctionArn"])["CodeSha256"] == described["CodeSha256"]
    client.get_waiter("function_active_v2").wait(FunctionName=function)
    assert function in [
        item["FunctionName"] for page in client.get_paginator("list_functions").paginate(MaxItems=1) for item in page["Functions"]
    ]


def test_faults_of_the_caller_are_named(client, function):
    settings = {"Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": zipped(app="")}}
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.create_function(FunctionName=function, Runtime="python3.11", **settings)
    with pytest.raises(client.exceptions.InvalidParameterValueException, match=r"python3\.11 only"):
        client.create_function(FunctionName="other", Runtime="python3.13", **settings)
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="unzip"):
        client.update_function_code(FunctionName=function, ZipFile=b"not a zip")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="AWS_REGION"):
        client.update_function_configuration(FunctionName=function, Environment={"Variables": {"AWS_REGION": "x"}})
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="function:absent"):
        invoke(client, "absent")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName=function, Payload=b"{")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName=function, Payload=b'"' + b"x" * 6 * 1024 * 1024 + b'"')
    with pytest.raises(ClientError, match="CreateCodeSigningConfig is not implemented"):
        client.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": ["arn:aws:signer:eu-west-1:123456789012:x"]})


def test_a_zip_cannot_leave_its_folder(client, function):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../outside.py", "")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="outside"):
        client.update_function_code(FunctionName=function, ZipFile=content.getvalue())
